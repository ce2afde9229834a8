"""Tasks with a container engine: a container for each container definition.

They share one network, as in ``awsvpc``. As on Fargate, secrets are looked up first, then images
pulled, then containers started in the order of their definitions. A task is healthy when its target
groups and its containers' health checks say so. Where it has neither, it is when it has run for 20
of AWS's seconds: AWS does not say how soon it trusts such a task.
"""

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from ministack.services import ecs

from local.emulator import scope
from local.emulator.ecs import tasks
from local.emulator.ecs.container_environment import SecretUnavailableError, environment
from local.emulator.ecs.container_options import DEFAULT_STOP_TIMEOUT, options
from local.emulator.ecs.docker import Docker, DockerError
from local.emulator.ecs.health_checks import TargetCheck
from local.emulator.ecs.pace import shortened
from local.emulator.ecs.records import EXITED
from local.emulator.ecs.roles import demand_start
from local.emulator.ecs.scheduler import Scheduler, service_of
from local.emulator.ecs.targets import Interface
from local.emulator.ecs.tasks import Stop, Task
from local.emulator.permissions import DeniedError

_log = logging.getLogger(__name__)

_SETTLED_SECONDS: Final = 20
_POLL_SECONDS: Final = 0.2
_FAILED_CHECKS: Final = Stop("ServiceSchedulerInitiated", "Task failed container health checks")


class _CannotStartError(Exception):
    """A task cannot start; the message is ECS's reason."""


class _Container:
    """One container of a task."""

    def __init__(self, definition: Mapping[str, Any], record: dict[str, Any]) -> None:
        self.definition = definition
        self.record = record
        self.id = ""
        self.ended = threading.Event()

    @property
    def is_checked(self) -> bool:
        return bool(self.definition.get("healthCheck"))


class ContainerRun:
    """A task that runs as containers.

    Parameters
    ----------
    task
        Its record.
    scheduler
        The scheduler, which gets each change of its state.
    docker
        The engine.
    """

    def __init__(self, task: Task, scheduler: Scheduler, docker: Docker) -> None:
        self._task, self._scheduler, self._docker = task, scheduler, docker
        self._definition = tasks.definition_of(task)
        self._containers = [
            _Container(definition, record)
            for definition, record in zip(
                self._definition["containerDefinitions"], task["containers"], strict=True
            )
        ]
        name = f"ecs-{self._definition['family']}-{tasks.task_id(task)}"
        self._name = name
        self._volumes = {
            volume["name"]: f"{name}-{volume['name']}"
            for volume in self._definition.get("volumes") or ()
            if "efsVolumeConfiguration" not in volume
        }
        self._ending = threading.Event()
        self._up = threading.Event()

    def start(self) -> None:
        """Start the task."""
        scope.in_background("ecs-task", self._live)

    def stop(self) -> None:
        """End the task: SIGTERM to each container, SIGKILL after its ``stopTimeout``."""
        self._ending.set()
        scope.in_background("ecs-stop", self._end)

    def _live(self) -> None:
        try:
            address = self._bring_up()
        except _CannotStartError as error:
            self._scheduler.failed(self._task, Stop("TaskFailedToStart", str(error)))
            return
        except Exception as error:
            _log.exception("The task %s did not start", self._task["taskArn"])
            reason = f"ResourceInitializationError: {error}"
            self._scheduler.failed(self._task, Stop("TaskFailedToStart", reason))
            return
        finally:
            self._up.set()
        self._scheduler.running(self._task, Interface(address, self._docker.namespace))
        self._watch(address)

    def _bring_up(self) -> str:
        self._scheduler.pulling(self._task)
        try:
            demand_start(self._definition)
        except DeniedError as error:
            raise _CannotStartError(
                f"ResourceInitializationError: unable to pull secrets or registry auth: {error}"
            ) from error
        environments = [self._environment(container) for container in self._containers]
        for container in self._containers:
            self._pull(container)
        self._task["pullStoppedAt"] = ecs._iso()
        first = None
        for container, variables in zip(self._containers, environments, strict=True):
            if not self._ending.is_set():
                self._start(container, variables, first)
                first = first or container.id
        network = self._docker.inspect(first)["NetworkSettings"] if first else {}
        found = [each["IPAddress"] for each in network.get("Networks", {}).values()]
        return str(found[0]) if found else ""

    def _override(self, container: _Container) -> Mapping[str, Any]:
        overrides = (self._task.get("overrides") or {}).get("containerOverrides") or ()
        named = [each for each in overrides if each.get("name") == container.definition["name"]]
        return named[0] if named else {}

    def _environment(self, container: _Container) -> dict[str, str]:
        overriding = self._override(container).get("environment") or ()
        try:
            return environment(container.definition, overriding)
        except SecretUnavailableError as error:
            raise _CannotStartError(
                f"ResourceInitializationError: unable to pull secrets or registry auth: {error}"
            ) from error

    def _pull(self, container: _Container) -> None:
        if self._ending.is_set():
            return
        try:
            digest = self._docker.pull(container.definition["image"])
        except DockerError as error:
            raise _CannotStartError(f"CannotPullContainerError: {error}") from error
        if digest:
            self._scheduler.resolved(self._task, container.definition["name"], digest)

    def _start(
        self, container: _Container, variables: Mapping[str, str], first: str | None
    ) -> None:
        definition = dict(container.definition)
        if command := self._override(container).get("command"):
            definition["command"] = command
        name = f"{self._name}-{definition['name']}"
        try:
            container.id = self._docker.create(
                options(definition, name=name, network=first, volumes=self._volumes), variables
            )
        except DockerError as error:
            raise _CannotStartError(f"CannotCreateContainerError: {error}") from error
        container.record["runtimeId"] = container.id
        scope.in_background("ecs-container", self._follow, container)
        while not self._has_begun(container) and not container.ended.wait(_POLL_SECONDS / 4):
            pass

    def _has_begun(self, container: _Container) -> bool:
        try:
            state = self._docker.inspect(container.id)["State"]
        except DockerError as error:
            raise _CannotStartError(f"CannotInspectContainerError: {error}") from error
        return str(state["Status"]) != "created"

    def _follow(self, container: _Container) -> None:
        """Start a container, take its output to its log, and tell of its end."""
        log = ecs._awslogs_config(container.definition, tasks.task_id(self._task), container.id)
        is_kept = log is not None and ecs._ensure_awslogs_stream(log)
        with self._docker.start(container.id) as process:
            for line in process.stdout or ():
                if is_kept:
                    ecs._emit_awslogs_event(log, line.decode(errors="replace").rstrip("\n"))
        try:
            state = self._docker.inspect(container.id)["State"]
        except DockerError:  # the engine has ended, and this with it
            state = {"ExitCode": 137, "Error": "", "OOMKilled": False}
        record = container.record
        record["exitCode"], record["lastStatus"] = state["ExitCode"], "STOPPED"
        if state["Error"]:
            record["reason"] = f"CannotStartContainerError: {state['Error']}"
        elif state["OOMKilled"]:
            record["reason"] = "OutOfMemoryError: Container killed due to memory usage"
        container.ended.set()
        if container.definition.get("essential", True):
            stop = Stop("TaskFailedToStart", "Task failed to start") if state["Error"] else EXITED
            self._scheduler.failed(self._task, stop)

    def _watch(self, address: str) -> None:
        """Check the health of the task until it ends."""
        started, reported = time.monotonic(), False
        checks = self._target_checks(address)
        grace = shortened((service_of(self._task) or {}).get("healthCheckGracePeriodSeconds") or 0)
        checked = [container for container in self._containers if container.is_checked]
        due = dict.fromkeys(checks, started)
        while not self._ending.is_set():
            for check in checks:
                if time.monotonic() >= due[check]:
                    check.run()
                    due[check] = time.monotonic() + check.interval
                    self._scheduler.targets.set(
                        check.arn, check.address, check.port, **check.health()
                    )
                if check.state == "unhealthy" and time.monotonic() >= started + grace:
                    reason = check.failure.words if check.failure else ""
                    self._scheduler.unhealthy(self._task, check.port, check.arn, reason)
                    return
            states = {self._container_health(container) for container in checked}
            if states:
                self._task["healthStatus"] = _worst(states)
            if "UNHEALTHY" in states:
                self._scheduler.failed(self._task, _FAILED_CHECKS)
                return
            has_settled = time.monotonic() >= started + shortened(_SETTLED_SECONDS)
            if not reported and (
                all(check.state == "healthy" for check in checks)
                and states <= {"HEALTHY"}
                and (checks or states or has_settled)
            ):
                reported = True
                self._scheduler.healthy(self._task)
            self._ending.wait(_POLL_SECONDS)

    def _target_checks(self, address: str) -> list[TargetCheck]:
        found = []
        for balancer in tasks.load_balancers(self._task, service_of(self._task)):
            group = self._scheduler.targets.settings(balancer.get("targetGroupArn", ""))
            if group is not None and group["HealthCheckEnabled"]:
                port = int(balancer["containerPort"])
                found.append(TargetCheck(group, address, port, self._docker.namespace))
        return found

    def _container_health(self, container: _Container) -> str:
        try:
            health = self._docker.inspect(container.id)["State"].get("Health") or {}
        except DockerError:
            return str(container.record["healthStatus"])
        status = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}.get(health.get("Status", ""))
        container.record["healthStatus"] = status or "UNKNOWN"
        return status or "UNKNOWN"

    def _end(self) -> None:
        self._up.wait()
        begun = [container for container in self._containers if container.id]
        if begun:
            with ThreadPoolExecutor(len(begun)) as pool:
                list(pool.map(self._stop, begun))
        try:
            self._docker.remove([each.id for each in begun], list(self._volumes.values()))
        except DockerError as error:
            _log.warning("What is left of %s: %s", self._task["taskArn"], error)
        self._scheduler.stopped(self._task)

    def _stop(self, container: _Container) -> None:
        seconds = container.definition.get("stopTimeout")
        try:
            self._docker.stop(container.id, DEFAULT_STOP_TIMEOUT if seconds is None else seconds)
        except DockerError:  # the engine has ended
            return
        container.ended.wait()


def _worst(states: set[str]) -> str:
    return next(state for state in ("UNHEALTHY", "UNKNOWN", "HEALTHY") if state in states)
