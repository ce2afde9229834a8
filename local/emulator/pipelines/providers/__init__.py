"""The providers of actions, one module each, and the table of all of them."""

from local.emulator.builds.service import CodeBuild
from local.emulator.clients import Clients
from local.emulator.pipelines.action import Providers
from local.emulator.pipelines.providers.approval import Approvals
from local.emulator.pipelines.providers.codebuild import codebuild_provider
from local.emulator.pipelines.providers.ecs import ecs_provider
from local.emulator.pipelines.providers.invoke import Jobs
from local.emulator.pipelines.providers.source import codecommit_provider, connection_provider
from local.emulator.repositories import Repositories


def all_providers(
    clients: Clients,
    codebuild: CodeBuild,
    repositories: Repositories,
    approvals: Approvals,
    jobs: Jobs,
) -> Providers:
    """Return who provides which type of action."""
    builds = codebuild_provider(codebuild)
    return {
        ("Source", "AWS", "CodeStarSourceConnection"): connection_provider(repositories),
        ("Source", "AWS", "CodeCommit"): codecommit_provider(repositories),
        ("Build", "AWS", "CodeBuild"): builds,
        ("Test", "AWS", "CodeBuild"): builds,
        ("Deploy", "AWS", "ECS"): ecs_provider(clients),
        ("Approval", "AWS", "Manual"): approvals.provider(),
        ("Invoke", "AWS", "Lambda"): jobs.provider(),
    }
