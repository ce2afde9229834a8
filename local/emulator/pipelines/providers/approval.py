"""The manual approval: waits for a person."""

import json
import queue
import time
import uuid
from dataclasses import dataclass, field

from local.emulator.pipelines.action import (
    ActionAbandoned,
    ActionError,
    Invocation,
    Outcome,
    Provider,
)
from local.emulator.pipelines.clock import clock
from local.emulator.scope import current
from local.emulator.service import ServiceError

_POLL_SECONDS = 0.1
_DEFAULT_MINUTES = 7 * 24 * 60
_LONGEST_SUMMARY = 512


@dataclass(frozen=True, slots=True)
class _Request:
    """An open request, and who it belongs to."""

    place: tuple[str, str, str]
    answer: "queue.Queue[tuple[str, str]]" = field(default_factory=queue.Queue)


class Approvals:
    """The open and the answered requests."""

    def __init__(self) -> None:
        self._open: dict[str, _Request] = {}
        self._answered: set[str] = set()

    def provider(self) -> Provider:
        """Return the provider of the action."""
        return Provider(
            run=self._run,
            optional=("NotificationArn", "CustomData", "ExternalEntityLink"),
            inputs=(0, 0),
            outputs=(0, 0),
        )

    def put(self, place: tuple[str, str, str], token: str, status: str, summary: str) -> None:
        """Answer a request.

        Parameters
        ----------
        place
            Pipeline, stage and action.
        token
            Of the request, as GetPipelineState shows it.
        status
            ``Approved`` or ``Rejected``.
        summary
            What the person says about it.

        Raises
        ------
        ServiceError
            There is no such open request, or the answer is none.
        """
        if status not in {"Approved", "Rejected"} or len(summary) > _LONGEST_SUMMARY:
            raise ServiceError(
                "ValidationException",
                "The result must have the status Approved or Rejected, and a summary of at most "
                f"{_LONGEST_SUMMARY} characters; it has {status!r} and {len(summary)} characters",
            )
        if token in self._answered:
            raise ServiceError(
                "ApprovalAlreadyCompletedException", "The approval action has already been approved"
            )
        request = self._open.get(token)
        if request is None or request.place != place:
            raise ServiceError("InvalidApprovalTokenException", f"Invalid approval token: {token}")
        self._answered.add(token)
        request.answer.put((status, summary))

    def _run(self, invocation: Invocation) -> Outcome:
        token = str(uuid.uuid4())
        request = _Request((invocation.pipeline, invocation.stage, invocation.action))
        self._open[token] = request
        minutes = invocation.timeout_minutes or _DEFAULT_MINUTES
        deadline = invocation.started + 60 * minutes
        invocation.report(token=token)
        try:
            self._notify(invocation, token, deadline)
            while clock.now() < deadline:
                if invocation.stop.is_set():
                    raise ActionAbandoned
                try:
                    status, summary = request.answer.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                by = f"arn:aws:iam::{current().account}:root"
                invocation.report(externalExecutionSummary=summary, lastUpdatedBy=by)
                if status == "Rejected":
                    raise ActionError(f"Rejected by {by}. Summary: {summary}", "Rejected")
                return Outcome()
        finally:
            del self._open[token]
        raise ActionError(f"Nobody approved within {minutes} minutes.", "TimedOut")

    def _notify(self, invocation: Invocation, token: str, deadline: float) -> None:
        # https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-json-format.html
        topic = invocation.configuration.get("NotificationArn")
        if not topic:
            return
        region = topic.split(":")[3]
        console = (
            f"https://console.aws.amazon.com/codepipeline/home?region={region}"
            f"#/view/{invocation.pipeline}"
        )
        approval = {
            "pipelineName": invocation.pipeline,
            "stageName": invocation.stage,
            "actionName": invocation.action,
            "token": token,
            "expires": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(deadline)),
            "externalEntityLink": invocation.configuration.get("ExternalEntityLink"),
            "approvalReviewLink": (
                f"{console}/{invocation.stage}/{invocation.action}/approve/{token}"
            ),
            "customData": invocation.configuration.get("CustomData"),
        }
        message = {
            "region": region,
            "consoleLink": console,
            "approval": {key: value for key, value in approval.items() if value is not None},
        }
        invocation.clients("sns").publish(
            TopicArn=topic,
            Subject=f"APPROVAL NEEDED: {invocation.pipeline} action {invocation.action}"[:100],
            Message=json.dumps(message),
        )
