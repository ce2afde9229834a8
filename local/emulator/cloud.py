"""The parts of the emulator put together.

To be imported when ministack's environment variables are set.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from ministack import app

from local.emulator import (
    alarms,
    autoscaling,
    connections,
    custom_resources,
    ecs,
    exports,
    flow_logs,
    functions,
    network,
    outputs,
    parameters,
    replacements,
    stack_events,
    taken,
    targets,
    updates,
)
from local.emulator.api import front as api
from local.emulator.builds.machine import BuildMachine
from local.emulator.builds.service import CodeBuild
from local.emulator.clients import Clients
from local.emulator.code_commit import CodeCommit
from local.emulator.code_deploy.service import CodeDeploy
from local.emulator.load_balancing import forwarding, refusals, weights
from local.emulator.load_balancing.certificates import Certificates
from local.emulator.load_balancing.listeners import Listeners
from local.emulator.local_api import LocalApi
from local.emulator.permissions import deliveries, front
from local.emulator.pipelines.engine import Engine
from local.emulator.pipelines.providers import all_providers
from local.emulator.pipelines.providers.approval import Approvals
from local.emulator.pipelines.providers.invoke import Jobs
from local.emulator.pipelines.service import CodePipeline
from local.emulator.registry import blobs
from local.emulator.registry import service as registry
from local.emulator.repositories import Repositories
from local.emulator.service import Service, plug_in
from local.emulator.settings import Settings

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


def application(settings: Settings) -> tuple[Application, CodeBuild]:
    """Return the emulator as an ASGI application, and its builds, which outlive no emulator."""
    clients = Clients(settings.endpoint)
    machine = BuildMachine(settings.build_environment)
    repositories = Repositories(settings.state.resolve() / "repositories")
    plug_in(Service("local-repositories", {}, repositories.state))
    network.register()
    flow_logs.register()
    functions.register()
    weights.register()
    alarms.register()
    autoscaling.register()
    connections.register(complete_at_once=settings.complete_connections)
    forwarding.register(ecs.register(clients, machine, settings.state.resolve() / "docker"))
    certificates = Certificates(settings.state.resolve() / "certificates")
    listeners = Listeners(settings.port, certificates)
    listeners.register()
    refusals.register()
    custom_resources.register()
    outputs.register()
    exports.register()
    parameters.register()
    taken.register()
    replacements.register()
    updates.register()
    stack_events.register()
    registry.register()
    blobs.keep_in(settings.state.resolve() / "blobs")

    CodeDeploy(clients).register()
    codebuild = CodeBuild(clients, machine)
    codebuild.register()
    approvals, jobs = Approvals(), Jobs()
    providers = all_providers(codebuild, repositories, approvals, jobs)
    codepipeline = CodePipeline(Engine(clients, providers), providers, approvals, jobs)
    codepipeline.register()
    CodeCommit(repositories, codepipeline).register()
    targets.register(codepipeline)
    api.register()
    front.register()
    deliveries.register()
    return LocalApi(app.app, codepipeline, repositories, listeners, certificates), codebuild
