"""ECS: services whose tasks are real containers, where there is a container engine.

The emulator keeps clusters, task definitions and the records of services and tasks. What becomes of
those is decided here.
"""

from pathlib import Path

from local.emulator.builds.machine import BuildMachine, MachineUnavailableError
from local.emulator.clients import Clients
from local.emulator.ecs import definitions, history, resource_types
from local.emulator.ecs.containers import ContainerRun
from local.emulator.ecs.docker import Docker
from local.emulator.ecs.hooks import Hooks
from local.emulator.ecs.outbox import Outbox
from local.emulator.ecs.records import RecordRun, broken_images, is_broken
from local.emulator.ecs.scheduler import Run, Scheduler
from local.emulator.ecs.services import Services
from local.emulator.ecs.shifts import Shifts, stop_deployment
from local.emulator.ecs.targets import TargetGroups
from local.emulator.ecs.task_set_operations import TaskSetOperations
from local.emulator.ecs.tasks import Task
from local.emulator.service import Service, plug_in

__all__ = ["broken_images", "register"]


def register(clients: Clients, machine: BuildMachine, configuration: Path) -> TargetGroups:
    """Take over services and tasks.

    Parameters
    ----------
    clients
        Clients of the emulator.
    machine
        What has the container engine: that of builds.
    configuration
        Folder for the settings of ``docker``.

    Returns
    -------
    TargetGroups
        Where tasks are registered.
    """
    engines: dict[str, Docker] = {}

    def runner(task: Task, scheduler: Scheduler) -> Run:
        try:
            environment = machine.environment()
        except MachineUnavailableError:
            environment = {}
        host = environment.get("DOCKER_HOST")
        if host is None or is_broken(task):
            return RecordRun(task, scheduler)
        if host not in engines:
            engines[host] = Docker(environment, configuration)
        return ContainerRun(task, scheduler, engines[host])

    stores = {
        "broken": broken_images,
        "deployments": history.service_deployments,
        "revisions": history.service_revisions,
    }
    plug_in(Service("local-ecs", {}, stores))
    target_groups = TargetGroups()
    target_groups.register()
    hooks = Hooks(clients)
    scheduler = Scheduler(runner, target_groups, Outbox(), Shifts(clients, hooks))
    services = Services(scheduler)
    services.register(
        {
            **TaskSetOperations(scheduler).operations(),
            "ContinueServiceDeployment": hooks.answer,
            "StopServiceDeployment": stop_deployment,
        }
    )
    definitions.register()
    resource_types.register(services, scheduler)
    return target_groups
