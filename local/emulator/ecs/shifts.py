"""Blue/green, linear and canary deployments: new tasks beside the old ones, and traffic in steps.

The stages are those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html;
the steps those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-linear.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-canary.html. A hook that
fails, an alarm, the circuit breaker and StopServiceDeployment send all traffic back at once. An
alarm that is in ALARM when a deployment starts is not looked at for it:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html.

AWS is silent on some things. The first deployment of a service has nothing to shift from: it gets
all traffic at once and does not bake. A deployment that is replaced while it shifts gives the
traffic back to the last one that was completed. What was rolled back to is not baked again.

The time is that of ``POST /_local/clock``, as pipelines have it.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Protocol

from ministack.services import ecs

from local.emulator import scope
from local.emulator.clients import Clients
from local.emulator.ecs import deployments, history, tasks
from local.emulator.ecs.deployments import Deployment, Service
from local.emulator.ecs.hooks import HookFailedError, Hooks
from local.emulator.ecs.outbox import Outbox
from local.emulator.ecs.pace import shortened
from local.emulator.ecs.roles import with_infrastructure_role
from local.emulator.ecs.traffic import Traffic, other
from local.emulator.permissions import DeniedError
from local.emulator.pipelines.clock import clock
from local.emulator.service import ServiceError

_log = logging.getLogger(__name__)

_STRATEGIES: Final = ("BLUE_GREEN", "LINEAR", "CANARY")
_POLL_SECONDS: Final = 0.05
_ALARM_SECONDS: Final = 0.5
_ALL: Final = 100


class Keeper(Protocol):
    """Who starts and stops tasks."""

    outbox: Outbox
    lock: Any

    def reconcile(self, key: str) -> None:
        """Do all that is to be done for a service now."""


class RollBack(Exception):  # noqa: N818  # no error: the deployment ends as it is meant to
    """The deployment must go back; the message is the reason."""


class Replaced(Exception):  # noqa: N818  # no error: another one goes on
    """The deployment is no longer the one that the service is brought to."""


def is_shifted(service: Service) -> bool:
    """Return whether a service replaces its tasks in another way than by rolling."""
    configuration = service.get("deploymentConfiguration") or {}
    return configuration.get("strategy") in _STRATEGIES


def wanted_count(service: Service, deployment: Deployment) -> int:
    """Return how many tasks a deployment has at this point of a shift."""
    serves = deployment.get("_serves", deployment["rolloutState"] == "COMPLETED")
    return int(service["desiredCount"]) if serves else 0


def stop_deployment(request: dict[str, Any]) -> dict[str, Any]:
    """Answer StopServiceDeployment, for deployments that shift traffic.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopServiceDeployment.html
    """
    arn = request.get("serviceDeploymentArn", "")
    kind = request.get("stopType", "ROLLBACK")
    if kind != "ROLLBACK":
        raise ServiceError("InvalidParameterException", f"stopType must be ROLLBACK, not {kind}.")
    if arn not in history.service_deployments:
        raise ServiceError(
            "ServiceDeploymentNotFoundException", f"There is no service deployment {arn}."
        )
    found = history.service_deployments[arn]
    for service in list(ecs._services.values()):
        for deployment in service["deployments"]:
            if deployment.get("_service_deployment") == arn:
                if found["status"] != "IN_PROGRESS" or not is_shifted(service):
                    break
                deployment["_back"] = "the deployment was stopped"
                return {"serviceDeploymentArn": arn}
    raise ServiceError(
        "ConflictException",
        f"The service deployment is {found['status']}, or shifts no traffic: it cannot be stopped.",
    )


class Shifts:
    """Carries deployments through their stages.

    Parameters
    ----------
    clients
        Clients of the emulator.
    hooks
        Runs lifecycle hooks.
    """

    def __init__(self, clients: Clients, hooks: Hooks) -> None:
        self._clients = clients
        self._hooks = hooks
        # Those that shift, and those that they would go back to.
        self._under_way: Counter[str] = Counter()

    def begin(self, service: Service, deployment: Deployment, keeper: Keeper, key: str) -> None:
        """See a deployment to its end, in the background; does nothing for one that is under way.

        To be called with the keeper's lock held.
        """
        source = next(
            (
                d
                for d in service["deployments"]
                if d is not deployment and (d["rolloutState"] == "COMPLETED" or d.get("_returned"))
            ),
            None,
        )
        if self._under_way[deployment["id"]]:
            return
        ours = [d["id"] for d in (deployment, source) if d]
        self._under_way.update(ours)

        def run() -> None:
            try:
                shift.run()
            except Exception:
                _log.exception("The deployment %s broke", deployment["id"])
            finally:
                with keeper.lock:
                    self._under_way.subtract(ours)
                keeper.reconcile(key)

        shift = _Shift(service, deployment, source, keeper, key, self._clients, self._hooks)
        scope.in_background(f"ecs-shift-{deployment['id']}", run)


class _Shift:
    def __init__(
        self,
        service: Service,
        deployment: Deployment,
        source: Deployment | None,
        keeper: Keeper,
        key: str,
        clients: Clients,
        hooks: Hooks,
    ) -> None:
        self._service, self._deployment, self._source = service, deployment, source
        self._keeper, self._key = keeper, key
        self._clients, self._hooks = clients, hooks
        self._configuration = service.get("deploymentConfiguration") or {}
        self._old_side = source.get("_side", "blue") if source else "green"
        self._side = deployment["_side"] = other(self._old_side)
        self._alarms: list[str] = []
        self._next_look = 0.0

    def run(self) -> None:
        """Go through all stages, or back."""
        self._alarms = self._watched()
        try:
            clients = with_infrastructure_role(self._clients, self._service)
        except DeniedError as error:
            self._give_up(f"Service deployment failed because {error}.")
            return
        self._traffic = Traffic(clients("elbv2"), self._service)
        try:
            self._go_through()
        except RollBack as reason:
            self._roll_back(str(reason))
        except Replaced:
            return

    def _go_through(self) -> None:
        if self._source:
            self._lead(0)
            self._clear()
        self._stage("PRE_SCALE_UP")
        self._stage("SCALE_UP")
        with self._keeper.lock:
            self._deployment["_serves"] = True
        self._keeper.reconcile(self._key)
        self._until(self._is_up)
        self._stage("POST_SCALE_UP")
        if self._traffic.has_test_rule:
            self._stage("TEST_TRAFFIC_SHIFT")
            self._traffic.lead("test", self._side, _ALL)
            self._stage("POST_TEST_TRAFFIC_SHIFT")
        self._run_hooks("PRE_PRODUCTION_TRAFFIC_SHIFT")
        self._stage("PRODUCTION_TRAFFIC_SHIFT")
        self._shift()
        self._stage("POST_PRODUCTION_TRAFFIC_SHIFT")
        self._stage("BAKE_TIME")
        if self._source:
            self._pass(60 * self._configuration.get("bakeTimeInMinutes", 0))
        self._stage("CLEAN_UP")
        if self._source:
            with self._keeper.lock:
                self._source["_serves"] = False
            self._keeper.reconcile(self._key)
            self._until(lambda: self._is_gone(self._source))
        with self._keeper.lock:
            self._check()
            deployments.complete(self._service, self._deployment, self._keeper.outbox)
        self._keeper.reconcile(self._key)

    def _clear(self) -> None:
        """Stop what an earlier deployment has left in the group that is not live."""
        with self._keeper.lock:
            left = [
                each
                for each in self._service["deployments"]
                if each is not self._deployment and each is not self._source
            ]
            for each in left:
                each["_serves"] = False
        self._keeper.reconcile(self._key)
        self._until(lambda: all(self._is_gone(each) for each in left))

    def _shift(self) -> None:
        if self._source is None:
            self._lead(_ALL)
            return
        match self._configuration["strategy"]:
            case "LINEAR":
                linear = self._configuration["linearConfiguration"]
                percent = step = linear["stepPercent"]
                while percent < _ALL:
                    self._lead(percent)
                    self._pass(60 * linear["stepBakeTimeInMinutes"])
                    percent = min(_ALL, percent + step)
            case "CANARY":
                canary = self._configuration["canaryConfiguration"]
                self._lead(canary["canaryPercent"])
                self._pass(60 * canary["canaryBakeTimeInMinutes"])
        self._lead(_ALL)

    def _lead(self, percent: float) -> None:
        self._traffic.lead("production", self._side, percent)
        with self._keeper.lock:
            self._deployment["_production_weight"] = percent

    def _stage(self, stage: str) -> None:
        self._check()
        history.note(self._deployment, lifecycleStage=stage)
        self._run_hooks(stage)

    def _run_hooks(self, stage: str) -> None:
        try:
            self._hooks.run(self._service, self._deployment, stage, self._wait)
        except HookFailedError as error:
            raise RollBack(str(error)) from error

    def _is_up(self) -> bool:
        own = self._tasks(self._deployment)
        return bool(sum(task["_healthy"] for task in own) >= self._service["desiredCount"])

    def _is_gone(self, deployment: Deployment | None) -> bool:
        wanted = deployment["id"] if deployment else ""
        return all(
            task["lastStatus"] == "STOPPED"
            for task in tasks.of_service(self._service)
            if task.get("_deployment_id") == wanted
        )

    def _tasks(self, deployment: Deployment) -> list[tasks.Task]:
        return [
            task
            for task in tasks.of_service(self._service)
            if tasks.is_wanted(task) and task.get("_deployment_id") == deployment["id"]
        ]

    def _until(self, reached: Callable[[], bool]) -> None:
        while not self._wait(60, reached):
            continue

    def _pass(self, seconds: float) -> None:
        self._wait(shortened(seconds), lambda: False)

    def _wait(self, seconds: float, reached: Callable[[], bool]) -> bool:
        end = clock.now() + seconds
        while True:
            self._check()
            with self._keeper.lock:
                if reached():
                    return True
            left = end - clock.now()
            if left <= 0:
                return False
            time.sleep(min(_POLL_SECONDS, left))

    def _check(self) -> None:
        with self._keeper.lock:
            if self._service["status"] != "ACTIVE" or self._deployment["status"] != "PRIMARY":
                raise Replaced
            if reason := self._deployment.get("_back"):
                raise RollBack(reason)
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _ALARM_SECONDS
            if raised := self._raised(self._alarms):
                history.note_alarms(self._deployment, raised)
                raise RollBack(f"alarm detected: {', '.join(raised)}")

    def _watched(self) -> list[str]:
        alarms = self._configuration.get("alarms") or {}
        if not (self._source and alarms.get("enable") and alarms.get("rollback")):
            return []
        before = self._raised(alarms["alarmNames"])
        return [name for name in alarms["alarmNames"] if name not in before]

    def _raised(self, names: list[str]) -> list[str]:
        if not names:
            return []
        found = self._clients("cloudwatch").describe_alarms(
            AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        alarms = [*found.get("MetricAlarms", ()), *found.get("CompositeAlarms", ())]
        return [alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"]

    def _give_up(self, reason: str) -> None:
        with self._keeper.lock:
            self._deployment["_serves"] = False
            deployments.give_up(self._service, self._deployment, reason, self._keeper.outbox)
        self._keeper.reconcile(self._key)

    def _roll_back(self, reason: str) -> None:
        full = f"Service deployment rolled back because {reason}."
        history.roll_back(self._deployment, self._source, full)
        if self._source is None:
            self._give_up(full)
            return
        self._lead(0)
        self._traffic.lead("test", self._old_side, _ALL)
        with self._keeper.lock:
            self._deployment["_serves"], self._source["_serves"] = False, True
            self._source["_returned"] = True  # also while it is not through with that
            deployments.go_back(
                self._service, self._deployment, self._source, full, self._keeper.outbox
            )
        self._keeper.reconcile(self._key)
        while not self._is_gone(self._deployment) or not self._is_back():
            if self._source["status"] != "PRIMARY" or self._service["status"] != "ACTIVE":
                return
            time.sleep(_POLL_SECONDS)
        with self._keeper.lock:
            deployments.complete(self._service, self._source, self._keeper.outbox)

    def _is_back(self) -> bool:
        own = self._tasks(self._source) if self._source else []
        return bool(sum(task["_healthy"] for task in own) >= self._service["desiredCount"])
