"""Lifecycle hooks of deployments: functions that decide, and pauses that wait for somebody.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/lambda-lifecycle-hooks.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html. AWS runs
several hooks of a stage in parallel: here they run one after the other, in the service's order.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from botocore.exceptions import ClientError

from local.emulator.clients import Clients
from local.emulator.ecs import history
from local.emulator.ecs.deployments import Deployment, Service
from local.emulator.ecs.pace import shortened
from local.emulator.permissions import DeniedError
from local.emulator.service import ServiceError

_CALL_AGAIN_SECONDS: Final = 30
_ACTIONS: Final = ("CONTINUE", "ROLLBACK")

Wait: TypeAlias = Callable[[float, Callable[[], bool]], bool]
"""Waits so many seconds at most for something, and returns whether it has come."""


class HookFailedError(Exception):
    """A hook has failed the deployment; the message says which and why."""


class Hooks:
    """Runs the hooks of all deployments.

    Parameters
    ----------
    clients
        Clients of the emulator.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._answers: dict[str, str | None] = {}

    def run(self, service: Service, deployment: Deployment, stage: str, wait: Wait) -> None:
        """Run the hooks of a stage.

        Raises
        ------
        HookFailedError
            One of them has failed.
        """
        configured = (service.get("deploymentConfiguration") or {}).get("lifecycleHooks") or ()
        for hook in configured:
            if stage not in hook["lifecycleStages"]:
                continue
            detail: dict[str, Any] = {
                "hookId": str(uuid.uuid4()),
                "targetType": hook.get("targetType", "AWS_LAMBDA"),
                "status": "IN_PROGRESS",
            }
            history.add_hook(deployment, detail)
            try:
                if detail["targetType"] == "PAUSE":
                    self._pause(hook, detail, wait)
                else:
                    detail["targetArn"] = hook["hookTargetArn"]
                    self._call(hook, service, deployment, stage, detail["hookId"], wait)
            except HookFailedError:
                if detail["status"] in ("IN_PROGRESS", "AWAITING_ACTION"):
                    detail["status"] = "FAILED"
                raise
            detail["status"] = "SUCCEEDED"

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer ContinueServiceDeployment."""
        arn, hook, action = (
            request.get(name, "") for name in ("serviceDeploymentArn", "hookId", "action")
        )
        if arn not in history.service_deployments:
            raise ServiceError(
                "ServiceDeploymentNotFoundException", f"There is no service deployment {arn}."
            )
        if action not in _ACTIONS:
            raise ServiceError(
                "InvalidParameterException",
                f"action must be one of {', '.join(_ACTIONS)}, not {action!r}.",
            )
        details = history.service_deployments[arn].get("lifecycleHookDetails", ())
        waiting = [d["hookId"] for d in details if d["status"] == "AWAITING_ACTION"]
        if hook not in waiting:
            raise ServiceError(
                "InvalidParameterException",
                f"The service deployment does not wait at the hook {hook!r}.",
            )
        self._answers[hook] = action
        return {"serviceDeploymentArn": arn}

    def _pause(self, hook: Mapping[str, Any], detail: dict[str, Any], wait: Wait) -> None:
        limit = hook["timeoutConfiguration"]
        seconds = shortened(60 * limit["timeoutInMinutes"])
        key = detail["hookId"]
        self._answers[key] = None
        detail.update(
            status="AWAITING_ACTION",
            expiresAt=time.time() + seconds,
            timeoutAction=limit["action"],
        )
        try:
            answered = wait(seconds, lambda: self._answers[key] is not None)
            action = self._answers[key] if answered else limit["action"]
        finally:
            self._answers.pop(key, None)
        if action == "ROLLBACK":
            detail["status"] = "FAILED" if answered else "TIMED_OUT"
            raise HookFailedError(
                "the pause hook was answered with ROLLBACK"
                if answered
                else "nobody answered the pause hook in time"
            )

    def _call(
        self,
        hook: Mapping[str, Any],
        service: Service,
        deployment: Deployment,
        stage: str,
        execution: str,
        wait: Wait,
    ) -> None:
        function = hook["hookTargetArn"]
        details = hook.get("hookDetails") or {}
        if isinstance(details, str):
            details = json.loads(details)
        while True:
            answer = self._ask(
                hook,
                {
                    "executionDetails": {
                        "testTrafficWeights": {},
                        "productionTrafficWeights": {},
                        "serviceArn": service["serviceArn"],
                        "targetServiceRevisionArn": deployment["_revision"],
                    },
                    "executionId": execution,
                    "lifecycleStage": stage,
                    "resourceArn": deployment["_service_deployment"],
                    "hookDetails": details,
                },
            )
            match answer.get("hookStatus"):
                case "SUCCEEDED":
                    return
                case "IN_PROGRESS":
                    details = answer.get("hookDetails") or details
                    delay = answer.get("callBackDelay", _CALL_AGAIN_SECONDS)
                    wait(shortened(delay), lambda: False)
                case "FAILED":
                    raise HookFailedError(f"the hook {function} has answered FAILED")
                case _:
                    raise HookFailedError(f"the hook {function} gave no valid hookStatus")

    def _ask(self, hook: Mapping[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        function = hook["hookTargetArn"]
        try:
            clients = self._clients.acting_as(hook.get("roleArn", ""), "ecs.amazonaws.com")
            answer = clients("lambda").invoke(
                FunctionName=function, Payload=json.dumps(event).encode()
            )
        except (ClientError, DeniedError) as error:
            raise HookFailedError(f"the hook {function} cannot be called: {error}") from error
        body = answer["Payload"].read()
        if "FunctionError" in answer:
            raise HookFailedError(f"the hook {function} has failed: {body.decode()[:300]}")
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {}
