"""The Lambda action: a function that answers when its work is done."""

import json
import queue
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator import scope
from local.emulator.builds.run import Location
from local.emulator.pipelines.action import (
    ActionAbandoned,
    ActionError,
    Invocation,
    Outcome,
    Provider,
)
from local.emulator.pipelines.clock import clock
from local.emulator.service import ServiceError

_POLL_SECONDS = 0.1
# How long a function that asks to be called again rests. On AWS it is about half a minute.
_CONTINUE_SECONDS = 1.0
_SILENT_SECONDS = 20 * 60.0
_LONGEST_SECONDS = 24 * 60 * 60.0
# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
_MOST_VARIABLE_BYTES = 122_880


class Jobs:
    """The jobs that functions work on, for actions and rules.

    https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html: a function that sends no
    reply for 20 minutes fails the action, one that keeps asking for more time does after 24 hours.
    A function that breaks fails it at once here, while AWS waits for the 20 minutes.

    """

    def __init__(self) -> None:
        self._open: dict[str, queue.Queue[dict[str, Any]]] = {}
        self._done: set[str] = set()
        self._answering = threading.Lock()

    def provider(self) -> Provider:
        """Return the provider of the action."""
        return Provider(
            run=self._run,
            required=("FunctionName",),
            optional=("UserParameters",),
            inputs=(0, 5),
            outputs=(0, 5),
        )

    def succeed(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take a PutJobSuccessResult."""
        variables = request.get("outputVariables", {})
        if sum(len(f"{key}{value}".encode()) for key, value in variables.items()) > (
            _MOST_VARIABLE_BYTES
        ):
            raise ServiceError(
                "OutputVariablesSizeExceededException",
                f"The output variables have more than {_MOST_VARIABLE_BYTES} bytes together",
            )
        return self._answer(request)

    def fail(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take a PutJobFailureResult."""
        return self._answer(request)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        job = request["jobId"]
        with self._answering:
            if job in self._done:
                raise ServiceError(
                    "InvalidJobStateException",
                    f"The job {job} has ended: it has a result, or nobody waits for it any more",
                )
            if job not in self._open:
                raise ServiceError("JobNotFoundException", f"The job {job} does not exist")
            # A function that goes on gets a new job to answer for.
            self._done.add(job)
            self._open[job].put(request)
        return {}

    def _run(self, invocation: Invocation) -> Outcome:
        last = invocation.started + _LONGEST_SECONDS
        continuation: str | None = None
        while True:
            answer = self._ask(invocation, continuation, last)
            if "failureDetails" in answer:
                details = answer["failureDetails"]
                if external := details.get("externalExecutionId"):
                    invocation.report(externalExecutionId=external)
                raise ActionError(details["message"], details.get("type", "JobFailed"))
            shown = answer.get("executionDetails", {})
            invocation.report(
                **{
                    member: shown[key]
                    for key, member in (
                        ("summary", "externalExecutionSummary"),
                        ("externalExecutionId", "externalExecutionId"),
                        ("percentComplete", "percentComplete"),
                    )
                    if key in shown
                }
            )
            continuation = answer.get("continuationToken")
            if continuation is None:
                return Outcome(variables=answer.get("outputVariables", {}))
            if invocation.stop.wait(_CONTINUE_SECONDS):
                raise ActionAbandoned

    def _ask(self, invocation: Invocation, continuation: str | None, last: float) -> dict[str, Any]:
        """Call the function with a new job, and return its answer."""
        job = str(uuid.uuid4())
        answers = self._open[job] = queue.Queue()
        deadline = min(last, clock.now() + _SILENT_SECONDS)
        scope.in_background(f"job-{job}", self._call, invocation, job, continuation, answers)
        try:
            while clock.now() < deadline:
                if invocation.stop.is_set():
                    raise ActionAbandoned
                try:
                    return answers.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
        finally:
            with self._answering:
                self._done.add(job)
                del self._open[job]
        raise ActionError(
            f"The AWS Lambda function {invocation.configuration['FunctionName']} failed to return "
            "a result. Check the function to verify that it has permission to call the "
            "PutJobSuccessResult action, and that it made the call"
        )

    def _call(
        self,
        invocation: Invocation,
        job: str,
        continuation: str | None,
        answers: "queue.Queue[dict[str, Any]]",
    ) -> None:
        """Call the function, and answer for it where it breaks without having done so."""
        function = invocation.configuration["FunctionName"]
        try:
            reply = invocation.clients("lambda").invoke(
                FunctionName=function,
                Payload=json.dumps(self._event(invocation, job, continuation)),
            )
        except (ClientError, BotoCoreError) as error:
            kind, why = "ConfigurationError", f"cannot be called: {error}"
        else:
            if "FunctionError" not in reply:
                return
            cause = reply["Payload"].read().decode(errors="replace")
            kind, why = "JobFailed", f"failed to return a result: {cause[:1500]}"
        details = {"type": kind, "message": f"The AWS Lambda function {function} {why}"}
        with self._answering:
            if job not in self._done:
                self._done.add(job)
                answers.put({"failureDetails": details})

    def _event(self, invocation: Invocation, job: str, continuation: str | None) -> dict[str, Any]:
        keys = invocation.clients.environment()
        data: dict[str, Any] = {
            "actionConfiguration": {"configuration": dict(invocation.configuration)},
            "inputArtifacts": _artifacts(invocation.inputs, invocation.commit),
            "outputArtifacts": _artifacts(invocation.outputs, None),
            "artifactCredentials": {
                "accessKeyId": keys["AWS_ACCESS_KEY_ID"],
                "secretAccessKey": keys["AWS_SECRET_ACCESS_KEY"],
                "sessionToken": keys.get("AWS_SESSION_TOKEN", ""),
            },
        }
        if continuation is not None:
            data["continuationToken"] = continuation
        account = keys["AWS_ACCESS_KEY_ID"]
        return {"CodePipeline.job": {"id": job, "accountId": account, "data": data}}


def _artifacts(places: Mapping[str, Location], revision: str | None) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "revision": revision,
            "location": {
                "type": "S3",
                "s3Location": {"bucketName": place.bucket, "objectKey": place.key},
            },
        }
        for name, place in places.items()
    ]
