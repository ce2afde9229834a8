"""The manual approval: waits for a person."""

import json
import queue
import time
import uuid

from local.emulator.clients import Clients
from local.emulator.pipelines.action import (
    ActionAbandoned,
    ActionError,
    Invocation,
    Outcome,
    Provider,
)
from local.emulator.service import ServiceError

_POLL_SECONDS = 0.1
_DEFAULT_MINUTES = 7 * 24 * 60


class Approvals:
    """The open and the answered requests.

    Parameters
    ----------
    clients
        Clients of the emulator.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._open: dict[str, queue.Queue[tuple[str, str]]] = {}
        self._answered: set[str] = set()

    def provider(self) -> Provider:
        """Return the provider of the action."""
        return Provider(run=self._run, inputs=(0, 0), outputs=(0, 0))

    def put(self, token: str, status: str, summary: str) -> None:
        """Answer a request.

        Parameters
        ----------
        token
            Of the request, as GetPipelineState shows it.
        status
            ``Approved`` or ``Rejected``.
        summary
            What the person says about it.
        """
        if token in self._answered:
            raise ServiceError(
                "ApprovalAlreadyCompletedException", "The approval action has already been approved"
            )
        if token not in self._open:
            raise ServiceError("InvalidApprovalTokenException", f"Invalid approval token: {token}")
        self._answered.add(token)
        self._open[token].put((status, summary))

    def _run(self, invocation: Invocation) -> Outcome:
        token = str(uuid.uuid4())
        answer = self._open[token] = queue.Queue()
        minutes = invocation.timeout_minutes or _DEFAULT_MINUTES
        deadline = time.monotonic() + 60 * minutes
        invocation.report(token=token)
        try:
            self._notify(invocation, token, minutes)
            while time.monotonic() < deadline:
                if invocation.stop.is_set():
                    raise ActionAbandoned
                try:
                    status, summary = answer.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                invocation.report(externalExecutionSummary=summary)
                if status == "Rejected":
                    raise ActionError(f"Rejected by local. Summary: {summary}", "Rejected")
                return Outcome()
        finally:
            del self._open[token]
        raise ActionError(f"Nobody approved within {minutes} minutes.", "TimedOut")

    def _notify(self, invocation: Invocation, token: str, minutes: int) -> None:
        topic = invocation.configuration.get("NotificationArn")
        if not topic:
            return
        expires = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(time.time() + 60 * minutes))
        self._clients("sns").publish(
            TopicArn=topic,
            Subject=f"APPROVAL NEEDED: {invocation.pipeline} action {invocation.action}"[:100],
            Message=json.dumps(
                {
                    "region": topic.split(":")[3],
                    "approval": {
                        "pipelineName": invocation.pipeline,
                        "stageName": invocation.stage,
                        "actionName": invocation.action,
                        "token": token,
                        "expires": expires,
                        "externalEntityLink": invocation.configuration.get("ExternalEntityLink"),
                        "customData": invocation.configuration.get("CustomData"),
                    },
                }
            ),
        )
