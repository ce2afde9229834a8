"""One deployment, from its first lifecycle event to its last, or back.

The steps are those of
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-ecs.html: the replacement
task set starts and gets healthy, test traffic goes to it, somebody may have to let it go on,
production traffic moves, and after a wait the original task set ends. Alarms are looked at from the
first moment to the last. Going back is a deployment of its own, as
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html says.

AWS does not document by which of the three roll-back events a deployment goes back that nobody has
let go on in time: here it is that of a stop. Nor its words for a stop and for that.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.clients import Clients
from local.emulator.code_deploy import configurations, deployments
from local.emulator.code_deploy.app_spec import AppSpec, AppSpecError, read
from local.emulator.code_deploy.catalogue import find_config
from local.emulator.code_deploy.deployments import Deployment
from local.emulator.code_deploy.hooks import HookError, Hooks
from local.emulator.code_deploy.replacement import Replacement, ReplacementError
from local.emulator.code_deploy.revisions import content_of
from local.emulator.code_deploy.traffic import Route, TrafficError
from local.emulator.code_deploy.waiting import POLL_SECONDS, Deadline
from local.emulator.permissions import DeniedError
from local.emulator.service import ServiceError

_log = logging.getLogger(__name__)

_ALARM_SECONDS: Final = 0.5
_HEALTHY_MINUTES: Final = 60
_DEFAULT_TERMINATION_MINUTES: Final = 60
_REFUSALS: Final = (ClientError, BotoCoreError, ReplacementError)
"""What AWS's other services say no by: the service may be gone by now."""


class Ended(Exception):  # noqa: N818  # a stop is no error
    """A deployment has not succeeded.

    Parameters
    ----------
    status
        ``Failed`` or ``Stopped``.
    event
        The event of an automatic roll-back.
    code, message
        CodeDeploy's.
    """

    def __init__(self, status: str, event: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.event, self.code = status, event, code


@dataclass
class Control:
    """What people do to a deployment that runs.

    Attributes
    ----------
    stop
        Set when somebody has stopped it.
    roll_back
        Whether it goes back then; None for what it was made with.
    go_on
        Set when somebody has ended the wait of that type.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    roll_back: bool | None = None
    go_on: dict[str, threading.Event] = field(
        default_factory=lambda: {
            "READY_WAIT": threading.Event(),
            "TERMINATION_WAIT": threading.Event(),
        }
    )


class Run:
    """A deployment that runs.

    Parameters
    ----------
    deployment
        Its record.
    clients
        Clients of the emulator.
    hooks
        Who calls functions.
    control
        What people do to it.
    """

    def __init__(
        self, deployment: Deployment, clients: Clients, hooks: Hooks, control: Control
    ) -> None:
        self._deployment = deployment
        self._clients = clients
        self._hooks = hooks
        self._control = control
        self._next_alarms = 0.0
        pair = deployment["loadBalancerInfo"]["targetGroupPairInfoList"][0]
        self._pair = pair
        self._settings = deployment["blueGreenDeploymentConfiguration"]
        self._tasks: Replacement | None = None

    def execute(self) -> None:
        """Deploy, and go back where that is wanted."""
        try:
            self._deploy()
        except Ended as ended:
            self._end(ended)
        except _REFUSALS as error:
            self._end(_not_updated(error))
        except Exception as error:
            _log.exception("The deployment %s broke", self._deployment["deploymentId"])
            self._end(_failed("INTERNAL_ERROR", repr(error)))

    def _deploy(self) -> None:
        deployments.move(self._deployment, "InProgress")
        self._assume_role()
        spec = self._app_spec()
        self._look()
        tasks = self._replacement()
        production, test = self._routes(tasks)
        with _elb():
            production.check(tasks.original_group)
            if tasks.has_leftovers():
                production.send(tasks.weights(0))
                test.send(tasks.weights(0))
                tasks.remove_leftovers()
        self._hook("BeforeInstall", spec)
        with self._event("Install"):
            self._install(tasks, spec, production)
        self._hook("AfterInstall", spec)
        if deployments.has_event(self._deployment, "AllowTestTraffic"):
            with self._event("AllowTestTraffic"), _elb():
                test.send(tasks.weights(100))
            self._hook("AfterAllowTestTraffic", spec)
        self._wait_for_approval()
        self._hook("BeforeAllowTraffic", spec)
        with self._event("AllowTraffic"):
            self._shift(tasks, production)
        self._hook("AfterAllowTraffic", spec)
        self._wait_for_termination()
        tasks.end_original()
        self._show(tasks, 100)
        deployments.move(self._deployment, "Succeeded")

    def _assume_role(self) -> None:
        try:
            self._clients = self._clients.acting_as(
                self._deployment["_role"], "codedeploy.amazonaws.com"
            )
        except DeniedError as error:
            raise _failed("IAM_ROLE_PERMISSIONS", str(error)) from error

    def _app_spec(self) -> AppSpec:
        try:
            return read(content_of(self._deployment["revision"], self._clients))
        except (AppSpecError, ServiceError) as error:
            raise _failed(
                "INVALID_REVISION",
                "The deployment failed because the AppSpec file that specifies the deployment "
                f"configuration is missing or has an invalid configuration. {error}",
            ) from error

    def _replacement(self) -> Replacement:
        service = self._deployment["_service"]
        names = [each["name"] for each in self._pair["targetGroups"]]
        try:
            tasks = Replacement(
                self._clients, service["clusterName"], service["serviceName"], names
            )
        except ReplacementError as error:
            raise _failed("INVALID_ECS_SERVICE", str(error)) from error
        self._tasks = tasks
        return tasks

    def _routes(self, tasks: Replacement) -> tuple[Route, Route]:
        """Return the routes of production and of test traffic; the latter may have no listener."""
        elbv2 = self._clients("elbv2")
        production, test = (
            Route(elbv2, (self._pair.get(route) or {}).get("listenerArns") or (), tasks.pair)
            for route in ("prodTrafficRoute", "testTrafficRoute")
        )
        return production, test

    def _install(self, tasks: Replacement, spec: AppSpec, production: Route) -> None:
        with _elb():
            # From now on it has the weight 0, and its targets are checked.
            production.send(tasks.weights(0))
        tasks.start(spec, self._deployment["deploymentId"])
        deadline = Deadline(_HEALTHY_MINUTES)
        while not tasks.is_healthy():
            self._show(tasks, 0)
            if deadline.is_over():
                raise _failed(
                    "TIMEOUT",
                    "The deployment timed out while waiting for the replacement task set to become "
                    f"healthy. This time out period is {_HEALTHY_MINUTES} minutes.",
                )
            self._pause()
        self._show(tasks, 0)

    def _shift(self, tasks: Replacement, production: Route) -> None:
        routing = find_config(self._deployment["deploymentConfigName"])["trafficRoutingConfig"]
        for step in configurations.steps(routing):
            self._look()
            with _elb():
                production.send(tasks.weights(step.percent))
            self._show(tasks, step.percent)
            deadline = Deadline(step.minutes)
            while not deadline.is_over():
                self._pause()
        tasks.make_primary()

    def _wait_for_approval(self) -> None:
        option = self._settings.get("deploymentReadyOption") or {}
        if option.get("actionOnTimeout", "CONTINUE_DEPLOYMENT") != "STOP_DEPLOYMENT":
            return
        minutes = int(option.get("waitTimeInMinutes") or 0)
        deadline = Deadline(minutes)
        deployments.move(self._deployment, "Ready")
        while not self._control.go_on["READY_WAIT"].is_set():
            if deadline.is_over():
                raise Ended(
                    "Stopped",
                    "DEPLOYMENT_STOP_ON_REQUEST",
                    "TIMEOUT",
                    f"Nobody has let the traffic go to the replacement task set within {minutes} "
                    "minutes.",
                )
            self._pause()
        deployments.move(self._deployment, "InProgress")

    def _wait_for_termination(self) -> None:
        option = self._settings.get("terminateBlueInstancesOnDeploymentSuccess") or {}
        minutes = option.get("terminationWaitTimeInMinutes")
        deadline = Deadline(_DEFAULT_TERMINATION_MINUTES if minutes is None else int(minutes))
        self._deployment["instanceTerminationWaitTimeStarted"] = True
        go_on = self._control.go_on["TERMINATION_WAIT"]
        while not (go_on.is_set() or deadline.is_over()):
            self._pause()

    def _hook(self, name: str, spec: AppSpec) -> None:
        if not deployments.has_event(self._deployment, name):
            return
        with self._event(name):
            if function := spec.hooks.get(name):
                self._hooks.run(
                    self._deployment["deploymentId"], function, self._look, self._clients
                )

    @contextlib.contextmanager
    def _event(self, name: str) -> Iterator[None]:
        self._look()
        deployments.enter(self._deployment, name)
        try:
            yield
        except HookError as error:
            deployments.leave(self._deployment, name, str(error))
            raise _failed(
                "HOOK_EXECUTION_FAILURE",
                "The deployment failed because one or more of the lifecycle event validation "
                f"functions failed. {name}: {error}",
            ) from error
        except Exception as error:
            deployments.leave(self._deployment, name, str(error))
            raise
        deployments.leave(self._deployment, name)

    def _pause(self) -> None:
        self._look()
        self._control.stop.wait(POLL_SECONDS)

    def _look(self) -> None:
        """See whether the deployment has to end: somebody, or an alarm, says so."""
        if self._control.stop.is_set():
            raise Ended(
                "Stopped",
                "DEPLOYMENT_STOP_ON_REQUEST",
                "MANUAL_STOP",
                "The deployment was stopped by a StopDeployment request.",
            )
        alarms = self._deployment["_alarms"] or {}
        names = [each["name"] for each in alarms.get("alarms") or ()]
        if not alarms.get("enabled") or not names or time.monotonic() < self._next_alarms:
            return
        self._next_alarms = time.monotonic() + _ALARM_SECONDS
        try:
            answer = self._clients("cloudwatch").describe_alarms(
                AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
        except (ClientError, BotoCoreError) as error:
            if alarms.get("ignorePollAlarmFailure"):
                return
            raise Ended(
                "Stopped", "DEPLOYMENT_STOP_ON_ALARM", "ALARM_ACTIVE", f"No alarm known: {error}"
            ) from error
        found = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
        active = [each["AlarmName"] for each in found if each["StateValue"] == "ALARM"]
        if active:
            raise Ended(
                "Stopped",
                "DEPLOYMENT_STOP_ON_ALARM",
                "ALARM_ACTIVE",
                "One or more alarms have been activated according to the Amazon CloudWatch metrics "
                "you selected, and the affected deployments have been stopped. Activated alarms: "
                + " ".join(f"<{name}>" for name in active),
            )

    def _show(self, tasks: Replacement, percent: int) -> None:
        self._deployment["_target"].update(
            taskSetsInfo=tasks.shown(percent), lastUpdatedAt=time.time()
        )

    def _end(self, ended: Ended) -> None:
        cause = (ended.code, str(ended))
        tasks = self._tasks
        # Before there is a replacement task set there is nothing to go back from.
        if tasks is None or not tasks.has_started or not self._goes_back(ended.event):
            deployments.move(self._deployment, ended.status, cause)
            return
        own = self._deployment["deploymentId"]
        back = deployments.begin_rollback(self._deployment)
        self._deployment["rollbackInfo"] = {
            "rollbackDeploymentId": back["deploymentId"],
            "rollbackMessage": f"The deployment is rolled back by {back['deploymentId']}.",
        }
        deployments.move(self._deployment, ended.status, cause)
        try:
            deployments.move(back, "InProgress")
            deployments.enter(back, "AllowTraffic")
            for route in self._routes(tasks):
                route.send(tasks.weights(0))
            tasks.undo()
            back["_target"]["taskSetsInfo"] = tasks.shown(0)
            deployments.leave(back, "AllowTraffic")
        except _REFUSALS as error:
            deployments.leave(back, "AllowTraffic", str(error))
            deployments.move(back, "Failed", (_not_updated(error).code, str(_not_updated(error))))
        except Exception as error:
            _log.exception("The deployment %s was not rolled back", own)
            deployments.leave(back, "AllowTraffic", repr(error))
            deployments.move(back, "Failed", ("INTERNAL_ERROR", repr(error)))
        else:
            deployments.move(back, "Succeeded")

    def _goes_back(self, event: str) -> bool:
        if event == "DEPLOYMENT_STOP_ON_REQUEST" and self._control.roll_back is not None:
            return self._control.roll_back
        configured = self._deployment["autoRollbackConfiguration"]
        return bool(configured.get("enabled") and event in (configured.get("events") or ()))


def _failed(code: str, message: str) -> Ended:
    return Ended("Failed", "DEPLOYMENT_FAILURE", code, message)


def _not_updated(error: Exception) -> Ended:
    return _failed(
        "ECS_UPDATE_ERROR",
        f"The ECS service cannot be updated due to an unexpected error: {error}",
    )


@contextlib.contextmanager
def _elb() -> Iterator[None]:
    try:
        yield
    except TrafficError as error:
        raise _failed("ELASTIC_LOAD_BALANCING_INVALID", str(error)) from error
    except (ClientError, BotoCoreError) as error:
        raise _failed(
            "ELASTIC_LOAD_BALANCING_INVALID",
            f"The ELB could not be updated due to the following error: {error}",
        ) from error
