"""The Lambda action: a function that answers when its work is done."""

import json
import queue
import time
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.builds.run import Location
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
# How long a function that asks to be called again rests. On AWS it is about half a minute.
_CONTINUE_SECONDS = 1.0
_TIMEOUT_SECONDS = 60 * 60.0


class Jobs:
    """The jobs that functions work on.

    Parameters
    ----------
    clients
        Clients of the emulator.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._open: dict[str, queue.Queue[dict[str, Any]]] = {}
        self._done: set[str] = set()

    def provider(self) -> Provider:
        """Return the provider of the action."""
        return Provider(run=self._run, required=("FunctionName",), inputs=(0, 5), outputs=(0, 5))

    def succeed(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take a PutJobSuccessResult."""
        return self._answer(request)

    def fail(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take a PutJobFailureResult."""
        return self._answer(request)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        job = request["jobId"]
        if job in self._done:
            raise ServiceError("InvalidJobStateException", f"The job {job} has a result already")
        if job not in self._open:
            raise ServiceError("JobNotFoundException", f"The job {job} does not exist")
        if "continuationToken" not in request:
            self._done.add(job)
        self._open[job].put(request)
        return {}

    def _run(self, invocation: Invocation) -> Outcome:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        continuation: str | None = None
        while True:
            job = str(uuid.uuid4())
            answers = self._open[job] = queue.Queue()
            try:
                self._call(invocation, job, continuation)
                answer = self._wait(invocation, answers, deadline)
            finally:
                del self._open[job]
            if "failureDetails" in answer:
                details = answer["failureDetails"]
                raise ActionError(details["message"], details.get("type", "JobFailed"))
            shown = answer.get("executionDetails", {})
            invocation.report(
                **{
                    member: shown[key]
                    for key, member in (
                        ("summary", "externalExecutionSummary"),
                        ("externalExecutionId", "externalExecutionId"),
                    )
                    if key in shown
                }
            )
            continuation = answer.get("continuationToken")
            if continuation is None:
                return Outcome(variables=answer.get("outputVariables", {}))
            if invocation.stop.wait(_CONTINUE_SECONDS):
                raise ActionAbandoned

    def _call(self, invocation: Invocation, job: str, continuation: str | None) -> None:
        function = invocation.configuration["FunctionName"]
        try:
            # Synchronously, unlike on AWS: there a function that breaks is noticed after an hour.
            reply = self._clients("lambda").invoke(
                FunctionName=function,
                Payload=json.dumps(self._event(invocation, job, continuation)),
            )
        except ClientError as error:
            raise ActionError(
                f"The AWS Lambda function {function} cannot be called: {error}",
                "ConfigurationError",
            ) from error
        if "FunctionError" in reply and self._open[job].empty():
            cause = reply["Payload"].read().decode(errors="replace")
            raise ActionError(
                f"The AWS Lambda function {function} failed to return a result: {cause[:1500]}"
            )

    @staticmethod
    def _wait(
        invocation: Invocation, answers: queue.Queue[dict[str, Any]], deadline: float
    ) -> dict[str, Any]:
        while time.monotonic() < deadline:
            if invocation.stop.is_set():
                raise ActionAbandoned
            try:
                return answers.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
        raise ActionError(
            f"The AWS Lambda function {invocation.configuration['FunctionName']} failed to return "
            "a result. Check the function to verify that it has permission to call the "
            "PutJobSuccessResult action, and that it made the call"
        )

    def _event(self, invocation: Invocation, job: str, continuation: str | None) -> dict[str, Any]:
        keys = self._clients.environment()
        data: dict[str, Any] = {
            "actionConfiguration": {"configuration": dict(invocation.configuration)},
            "inputArtifacts": _artifacts(invocation.inputs, invocation.commit),
            "outputArtifacts": _artifacts(invocation.outputs, None),
            "artifactCredentials": {
                "accessKeyId": keys["AWS_ACCESS_KEY_ID"],
                "secretAccessKey": keys["AWS_SECRET_ACCESS_KEY"],
                "sessionToken": "",
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
