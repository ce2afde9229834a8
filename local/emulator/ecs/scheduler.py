"""The service scheduler: brings the tasks of a service to what its newest deployment says.

Rolling updates as in
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html: new tasks are
started up to ``maximumPercent``, old ones stopped when as many new ones are healthy, or to make
room above ``minimumHealthyPercent``. For the other strategies see `local.emulator.ecs.shifts`.

AWS does not say how long it waits before it starts a task again that keeps failing; here it is ten
of its seconds for the third failure and twice as long for each more, up to 15 minutes.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from ministack.services import ecs

from local.emulator import scope
from local.emulator.ecs import deployments, history, shifts, task_sets, tasks
from local.emulator.ecs.deployments import Deployment, Service
from local.emulator.ecs.outbox import Outbox
from local.emulator.ecs.pace import shortened
from local.emulator.ecs.targets import Interface, TargetGroups
from local.emulator.ecs.tasks import Stop, Task
from local.emulator.ecs.traffic import balancers_of

_FAILURES_AT_ONCE, _FIRST_DELAY, _LONGEST_DELAY = 3, 10, 15 * 60
_STEADY_SECONDS: Final = 3 * 60 * 60
_MOST_TOLD: Final = 10


class Run(Protocol):
    """What makes a task real."""

    def start(self) -> None:
        """Start it: the scheduler hears that it is running, and of all that comes after."""

    def stop(self) -> None:
        """End it: the scheduler hears that it has stopped."""


Runner: TypeAlias = "Callable[[Task, Scheduler], Run]"
_Key: TypeAlias = tuple[scope.Scope, str]


class DeploymentFailedError(Exception):
    """A deployment has failed; the message is ECS's reason."""


class Scheduler:
    """Starts and stops tasks.

    Parameters
    ----------
    runner
        Makes what a task runs as.
    target_groups
        Where tasks are registered.
    outbox
        Where events go.
    shifting
        Who shifts traffic.
    """

    def __init__(
        self,
        runner: Runner,
        target_groups: TargetGroups,
        outbox: Outbox,
        shifting: shifts.Shifts,
    ) -> None:
        self._shifting = shifting
        self.outbox = outbox
        self.targets = target_groups
        # Held while records change, never while a container or a network is waited for.
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._runner = runner
        self._runs: dict[str, Run] = {}
        self._busy: set[_Key] = set()
        self._again: set[_Key] = set()

    def reconcile(self, key: str) -> None:
        """Do all that is to be done for a service now; ``key`` is ``CLUSTER/SERVICE``."""
        mark = (scope.current(), key)
        with self.lock:
            self._again.add(mark)
            if mark in self._busy:  # a task that this very call has started or stopped
                return
            self._busy.add(mark)
            try:
                while mark in self._again:
                    self._again.discard(mark)
                    if (service := ecs._services.get(key)) is not None:
                        self._step(service)
            finally:
                self._busy.discard(mark)
            self._changed.notify_all()

    def wait_until_steady(self, key: str) -> None:
        """Wait until the newest deployment of a service has ended.

        Raises
        ------
        DeploymentFailedError
            It has failed, or has not ended for as long as CloudFormation waits: three hours.
        """
        with self._changed:
            service = ecs._services[key]
            if task_sets.is_managed(service):
                limit = shortened(_STEADY_SECONDS)
                if not self._changed.wait_for(lambda: task_sets.is_steady(service), limit):
                    raise DeploymentFailedError("the service did not stabilize")
                return
            wanted = deployments.primary_of(service)
            ended = self._changed.wait_for(
                lambda: wanted["rolloutState"] == "FAILED" or _is_steady(service),
                shortened(_STEADY_SECONDS),
            )
            if not ended:
                raise DeploymentFailedError("the service did not stabilize")
            if wanted["rolloutState"] == "FAILED":
                raise DeploymentFailedError(wanted["rolloutStateReason"])

    def start_task(self, task: Task) -> None:
        """Start a task whose record was just made."""
        with self.lock:
            tasks.advance(task, "PROVISIONING", self.outbox)
            run = self._runs[task["taskArn"]] = self._runner(task, self)
        run.start()

    def pulling(self, task: Task) -> None:
        """Hear that the images of a task are pulled."""
        with self.lock:
            if tasks.is_wanted(task):
                tasks.advance(task, "PENDING", self.outbox)
                tasks.advance(task, "ACTIVATING", self.outbox)

    def running(self, task: Task, interface: Interface | None = None) -> None:
        """Hear that the containers of a task run, and where they answer, if it has any."""
        with self.lock:
            if not tasks.is_wanted(task):
                return
            tasks.attach(task, interface and interface.address)
            for container in task["containers"]:
                if container["lastStatus"] != "STOPPED":
                    container["lastStatus"] = "RUNNING"
            tasks.advance(task, "RUNNING", self.outbox)
            service = service_of(task)
            if service is not None:
                for group in self.targets.add(service, task, interface):
                    deployments.say(service, f"registered 1 targets in (target-group {group})")
        self._look_after(task)

    def healthy(self, task: Task) -> None:
        """Hear that a task is healthy: it counts for its deployment from now on."""
        with self.lock:
            if not tasks.is_wanted(task):
                return
            task["_healthy"] = True
            service = service_of(task)
            deployment = service and _deployment(service, task)
            if service and deployment and deployment["rolloutState"] == "IN_PROGRESS":
                deployments.note_healthy(service, deployment)
        self._look_after(task)

    def resolved(self, task: Task, container: str, digest: str) -> None:
        """Hear which image a container of a task has got."""
        with self.lock:
            for each in task["containers"]:
                if each["name"] == container:
                    each["imageDigest"] = digest
            service = service_of(task)
            if service and (deployment := _deployment(service, task)):
                history.note_digest(deployment, container, digest)

    def unhealthy(self, task: Task, port: int, group: str, reason: str) -> None:
        """Hear that a load balancer finds a task unhealthy."""
        with self.lock:
            if (service := service_of(task)) is not None and tasks.is_wanted(task):
                deployments.say(
                    service,
                    f"(task {tasks.task_id(task)}) (port {port}) is unhealthy in "
                    f"(target-group {group}) due to (reason {reason})",
                )
        stop = Stop(
            "ServiceSchedulerInitiated", f"Task failed ELB health checks in (target-group {group})"
        )
        self.failed(task, stop)

    def failed(self, task: Task, stop: Stop) -> None:
        """Hear that a task cannot go on; what is left of it is stopped."""
        with self.lock:
            if not tasks.is_wanted(task):
                return
            service = service_of(task)
            deployment = service and _deployment(service, task)
            if service and deployment:
                if stop.code == "ServiceSchedulerInitiated":
                    deployments.say(service, f"has stopped 1 running tasks: {_named([task])}.")
                if deployment["rolloutState"] == "IN_PROGRESS":
                    deployments.count_failure(service, deployment, self.outbox)
                self._delay(service, deployment)
            elif service:
                task_sets.note_failure(service, task)
            # Last: as soon as it is to stop, another one may be started.
            self.stop_task(task, stop)
        self._look_after(task)

    def stop_task(self, task: Task, stop: Stop) -> None:
        """Stop a task; it goes on until it has ended."""
        with self.lock:
            if not tasks.is_wanted(task):
                return
            service = service_of(task)
            if service is not None:
                for group in self.targets.remove(service, task):
                    deployments.say(service, f"deregistered 1 targets in (target-group {group})")
            tasks.begin_stop(task, stop, self.outbox)
            run = self._runs.get(task["taskArn"])
        if run is None:  # of an earlier process: nothing of it runs any more
            self.stopped(task)
        elif service is None:
            run.stop()
        else:
            self.targets.when_drained(service, task, run.stop)

    def stopped(self, task: Task) -> None:
        """Hear that nothing of a task runs any more."""
        with self.lock:
            self._runs.pop(task["taskArn"], None)
            for status in ("STOPPING", "DEPROVISIONING", "STOPPED"):
                tasks.advance(task, status, self.outbox)
        self._look_after(task)

    def _look_after(self, task: Task) -> None:
        if (service := service_of(task)) is not None:
            self.reconcile(key_of(service))

    def _step(self, service: Service) -> None:
        if task_sets.is_managed(service):
            task_sets.step(service, self, lambda delay: self._again_in(delay, service))
            return
        for deployment in list(service["deployments"]):
            if not deployment.get("_service_deployment"):
                deployments.begin(service, deployment, self.outbox)
        tasks.forget_old(service)
        if service["status"] == "ACTIVE":
            if shifts.is_shifted(service):
                self._shift(service)
            else:
                self._roll(service)
        elif service["status"] == "DRAINING":
            self._drain(service)
        _count(service)

    def _drain(self, service: Service) -> None:
        wanted = [task for task in tasks.of_service(service) if tasks.is_wanted(task)]
        self._scale_in(service, wanted, deployments.primary_of(service))
        if all(task["lastStatus"] == "STOPPED" for task in tasks.of_service(service)):
            service["status"] = "INACTIVE"

    def _roll(self, service: Service) -> None:
        primary, desired = deployments.primary_of(service), service["desiredCount"]
        wanted = [task for task in tasks.of_service(service) if tasks.is_wanted(task)]
        if primary["rolloutState"] == "FAILED":  # it starts no task, and nothing replaces it
            given_up = tasks.first_given_up(wanted)[: max(0, len(wanted) - desired)]
            self._scale_in(service, given_up, primary)
            return
        primary["desiredCount"] = desired
        current = [task for task in wanted if task.get("_deployment_id") == primary["id"]]
        old = [task for task in wanted if task.get("_deployment_id") != primary["id"]]
        settings = service.get("deploymentConfiguration") or {}
        least = math.ceil(desired * settings.get("minimumHealthyPercent", 100) / 100)
        most = desired * settings.get("maximumPercent", 200) // 100

        given_up = tasks.first_given_up(current)[: max(0, len(current) - desired)]
        self._scale_in(service, given_up, primary)
        missing = max(0, desired - len(current))
        room = max(0, most - len(current) - len(old))
        self._scale_in(service, _replaceable(current, old, desired, least, missing - room), primary)
        self._start(service, primary, min(missing, room))
        healthy = [task for task in current if task["_healthy"]]
        if primary["rolloutState"] == "IN_PROGRESS" and not old and len(healthy) >= desired:
            deployments.complete(service, primary, self.outbox)

    def _shift(self, service: Service) -> None:
        primary = deployments.primary_of(service)
        if primary["rolloutState"] == "IN_PROGRESS":
            self._shifting.begin(service, primary, self, key_of(service))
        wanted = [task for task in tasks.of_service(service) if tasks.is_wanted(task)]
        for deployment in list(service["deployments"]):
            count = deployment["desiredCount"] = shifts.wanted_count(service, deployment)
            own = [task for task in wanted if task.get("_deployment_id") == deployment["id"]]
            surplus = tasks.first_given_up(own)[: max(0, len(own) - count)]
            self._scale_in(service, surplus, deployment)
            self._start(service, deployment, count - len(own))
        known = {deployment["id"] for deployment in service["deployments"]}
        forgotten = [task for task in wanted if task.get("_deployment_id") not in known]
        self._scale_in(service, forgotten, primary)

    def _start(self, service: Service, deployment: Deployment, count: int) -> None:
        wait = deployment.get("_not_before", 0) - time.monotonic()
        if count <= 0 or wait > 0:
            return
        started = tasks.make(
            {
                "cluster": service["clusterArn"],
                "taskDefinition": deployment["taskDefinition"],
                "count": count,
                "group": f"service:{service['serviceName']}",
                "startedBy": deployment["id"],
                "launchType": service.get("launchType"),
                "capacityProviderStrategy": service.get("capacityProviderStrategy"),
                "platformVersion": service.get("platformVersion", ""),
                "networkConfiguration": service.get("networkConfiguration") or {},
                "enableExecuteCommand": service.get("enableExecuteCommand", False),
                "tags": tasks.propagated_tags(service, service["taskDefinition"]),
                "_deploymentId": deployment["id"],
            }
        )
        deployments.say(service, f"has started {count} tasks: {_named(started)}.")
        for task in started:
            # For good: where it is registered does not change with its service.
            task["_load_balancers"] = balancers_of(service, deployment.get("_side") or "blue")
            self.start_task(task)

    def _scale_in(self, service: Service, given_up: list[Task], deployment: Deployment) -> None:
        if not given_up:
            return
        deployments.say(service, f"has stopped {len(given_up)} running tasks: {_named(given_up)}.")
        reason = f"Scaling activity initiated by (deployment {deployment['id']})"
        for task in given_up:
            self.stop_task(task, Stop("ServiceSchedulerInitiated", reason))

    def _delay(self, service: Service, deployment: Deployment) -> None:
        """Put off the next start of a task that keeps failing."""
        more = deployment["failedTasks"] - _FAILURES_AT_ONCE
        if more < 0 or deployment["rolloutState"] == "FAILED":
            return
        if more == 0:
            deployments.say(service, "is unable to consistently start tasks successfully.")
        delay = shortened(min(_FIRST_DELAY * 2 ** min(more, 10), _LONGEST_DELAY))
        deployment["_not_before"] = time.monotonic() + delay
        self._again_in(delay, service)

    def _again_in(self, delay: float, service: Service) -> None:
        def again() -> None:
            time.sleep(delay)
            self.reconcile(key_of(service))

        scope.in_background("ecs-delay", again)


def service_of(task: Task) -> Service | None:
    """Return the service that a task belongs to, if any."""
    kind, _, name = str(task.get("group") or "").partition(":")
    cluster = task["clusterArn"].rpartition("/")[2]
    return ecs._services.get(f"{cluster}/{name}") if kind == "service" else None


def key_of(service: Service) -> str:
    """Return what a service is kept by."""
    return f"{service['clusterArn'].rpartition('/')[2]}/{service['serviceName']}"


def _deployment(service: Service, task: Task) -> Deployment | None:
    wanted = task.get("_deployment_id")
    return next((d for d in service["deployments"] if d["id"] == wanted), None)


def _replaceable(
    current: list[Task], old: list[Task], desired: int, least: int, lacking: int
) -> list[Task]:
    """Choose the old tasks that may stop now: those replaced, and those in the way."""
    healthy = sum(task["_healthy"] for task in current)
    replaced = len(old) - max(0, desired - healthy)
    wanted = max(replaced, min(lacking, len(old)))
    spare = healthy + sum(task["_healthy"] for task in old) - least
    chosen: list[Task] = []
    for task in sorted(old, key=lambda task: (task["_healthy"], task["createdAt"])):
        if len(chosen) >= wanted or (task["_healthy"] and spare <= 0):
            break
        spare -= task["_healthy"]
        chosen.append(task)
    return chosen


def _is_steady(service: Service) -> bool:
    primary = deployments.primary_of(service)
    healthy = [
        task
        for task in tasks.of_service(service)
        if tasks.is_wanted(task)
        and task["_healthy"]
        and task.get("_deployment_id") == primary["id"]
    ]
    return bool(primary["rolloutState"] == "COMPLETED" and len(healthy) == service["desiredCount"])


def _count(service: Service) -> None:
    all_tasks = tasks.of_service(service)
    for deployment in service["deployments"]:
        own = [task for task in all_tasks if task.get("_deployment_id") == deployment["id"]]
        deployment["runningCount"] = sum(task["lastStatus"] == "RUNNING" for task in own)
        deployment["pendingCount"] = sum(tasks.is_starting(task) for task in own)
        history.note_counts(deployment)
    service["runningCount"] = sum(task["lastStatus"] == "RUNNING" for task in all_tasks)
    service["pendingCount"] = sum(tasks.is_starting(task) for task in all_tasks)
    primary = deployments.primary_of(service)
    service["currentServiceDeployment"] = primary["_service_deployment"]
    service["currentServiceRevisions"] = [
        {
            "arn": deployment["_revision"],
            "requestedTaskCount": deployment["desiredCount"],
            "runningTaskCount": deployment["runningCount"],
            "pendingTaskCount": deployment["pendingCount"],
        }
        for deployment in service["deployments"]
        if deployment is primary or deployment["runningCount"] or deployment["pendingCount"]
    ]


def _named(some: list[Task]) -> str:
    return " ".join(f"(task {tasks.task_id(task)})" for task in some[:_MOST_TOLD])
