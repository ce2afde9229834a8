"""Functions that decide over a deployment.

A function gets the ids of the deployment and of its own execution, and answers by
PutLifecycleEventHookExecutionStatus, within an hour:
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html.
One that cannot be called, or breaks without having answered, fails at once here; AWS does not say
whether it waits for the hour.
"""

import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator import scope
from local.emulator.clients import Clients
from local.emulator.code_deploy.waiting import Deadline
from local.emulator.service import ServiceError

_ANSWER_MINUTES: Final = 60
_POLL_SECONDS: Final = 0.05


class HookError(Exception):
    """A function has not let the deployment go on; the message says how."""


@dataclass
class _Execution:
    deployment: str
    answered: threading.Event = field(default_factory=threading.Event)
    failure: str = ""
    is_over: bool = False


class Hooks:
    """The executions of hooks."""

    def __init__(self) -> None:
        self._executions: dict[str, _Execution] = {}
        self._answering = threading.Lock()

    def run(
        self, deployment: str, function: str, look: Callable[[], None], clients: Clients
    ) -> None:
        """Call a function, and wait for its answer.

        Parameters
        ----------
        deployment
            The deployment's id.
        function
            Name or ARN of the function.
        look
            Called now and then; what it raises ends the wait.
        clients
            Clients of the emulator, with the role of the deployment group.

        Raises
        ------
        HookError
            It has answered ``Failed``, has broken, or has not answered for an hour.
        """
        own = secrets.token_urlsafe(96)
        execution = self._executions[own] = _Execution(deployment)
        deadline = Deadline(_ANSWER_MINUTES)
        scope.in_background("codedeploy-hook", self._call, own, function, clients)
        try:
            while not execution.answered.wait(_POLL_SECONDS):
                look()
                if deadline.is_over():
                    raise HookError(
                        f"The function {function} did not answer within {_ANSWER_MINUTES} minutes "
                        "by PutLifecycleEventHookExecutionStatus."
                    )
        finally:
            with self._answering:
                execution.is_over = True
        if execution.failure:
            raise HookError(execution.failure)

    def answer(self, deployment: str, execution_id: str, status: str) -> None:
        """Take the answer of a function.

        Raises
        ------
        ServiceError
            There is no such execution, it has an answer, or the answer is none.
        """
        if status not in ("Succeeded", "Failed"):
            raise ServiceError(
                "InvalidLifecycleEventHookExecutionStatusException",
                f"The status must be Succeeded or Failed, not {status!r}",
            )
        execution = self._executions.get(execution_id)
        if execution is None or execution.deployment != deployment:
            raise ServiceError(
                "InvalidLifecycleEventHookExecutionIdException",
                "The lifecycle event hook execution id is not one of this deployment",
            )
        failure = "" if status == "Succeeded" else "The function has answered Failed."
        if not self._settle(execution, failure):
            raise ServiceError(
                "LifecycleEventAlreadyCompletedException",
                "The lifecycle event of this execution has ended",
            )

    def _call(self, own: str, function: str, clients: Clients) -> None:
        execution = self._executions[own]
        event = {"DeploymentId": execution.deployment, "LifecycleEventHookExecutionId": own}
        try:
            reply = clients("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        except (ClientError, BotoCoreError) as error:
            self._settle(execution, f"The function {function} cannot be called: {error}")
            return
        if "FunctionError" in reply:
            cause = reply["Payload"].read().decode(errors="replace")
            self._settle(execution, f"The function {function} broke: {cause[:1000]}")

    def _settle(self, execution: _Execution, failure: str) -> bool:
        with self._answering:
            if execution.is_over or execution.answered.is_set():
                return False
            execution.failure = failure
            execution.answered.set()
            return True
