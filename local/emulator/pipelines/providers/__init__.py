"""The providers of actions, one module each, and the table of all of them and those of rules."""

from local.emulator.builds.service import CodeBuild
from local.emulator.pipelines.action import Providers
from local.emulator.pipelines.providers.approval import Approvals
from local.emulator.pipelines.providers.code_deploy import code_deploy_provider
from local.emulator.pipelines.providers.codebuild import codebuild_provider
from local.emulator.pipelines.providers.ecs import ecs_provider
from local.emulator.pipelines.providers.invoke import Jobs
from local.emulator.pipelines.providers.source import codecommit_provider, connection_provider
from local.emulator.pipelines.rules.alarm import alarm_provider
from local.emulator.pipelines.rules.variable_check import variable_check_provider
from local.emulator.pipelines.rules.window import window_provider
from local.emulator.repositories import Repositories


def all_providers(
    codebuild: CodeBuild,
    repositories: Repositories,
    approvals: Approvals,
    jobs: Jobs,
) -> Providers:
    """Return who provides which type of action or rule."""
    builds = codebuild_provider(codebuild)
    functions = jobs.provider()
    return {
        ("Source", "AWS", "CodeStarSourceConnection"): connection_provider(repositories),
        ("Source", "AWS", "CodeCommit"): codecommit_provider(repositories),
        ("Build", "AWS", "CodeBuild"): builds,
        ("Test", "AWS", "CodeBuild"): builds,
        ("Deploy", "AWS", "CodeDeployToECS"): code_deploy_provider(),
        ("Deploy", "AWS", "ECS"): ecs_provider(),
        ("Approval", "AWS", "Manual"): approvals.provider(),
        ("Invoke", "AWS", "Lambda"): functions,
        ("Rule", "AWS", "CloudWatchAlarm"): alarm_provider(),
        ("Rule", "AWS", "CodeBuild"): builds,
        ("Rule", "AWS", "DeploymentWindow"): window_provider(),
        ("Rule", "AWS", "LambdaInvoke"): functions,
        ("Rule", "AWS", "VariableCheck"): variable_check_provider(),
    }
