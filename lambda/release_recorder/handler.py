"""The job protocol: CodePipeline asks, the recorder answers."""

from __future__ import annotations

import json
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from release_recorder import explanation
from release_recorder.deployment import Failed, Live, Outcome, Replaced, Underway, examine
from release_recorder.image import digest_of
from release_recorder.marks import Marks
from release_recorder.pointer import Pointer
from release_recorder.release import ParameterError, Release

if TYPE_CHECKING:
    from types_boto3_codepipeline import CodePipelineClient
    from types_boto3_codepipeline.literals import FailureTypeType
    from types_boto3_codepipeline.type_defs import ExecutionDetailsTypeDef
    from types_boto3_ecr import ECRClient
    from types_boto3_ecs import ECSClient
    from types_boto3_ssm import SSMClient

_MOST_LOOKS: Final = 5


@dataclass(frozen=True, slots=True)
class _Job:
    """A job of CodePipeline. Of the event nothing else is kept: it carries credentials."""

    id: str
    parameters: str | None
    token: str | None

    @classmethod
    def of(cls, event: dict[str, Any]) -> _Job:
        job = event.get("CodePipeline.job")
        if job is None:
            raise ValueError(
                "the release recorder handles jobs of CodePipeline only; invoke it by an action "
                "of a pipeline (ReleaseRecorder.action())"
            )
        configuration = job["data"]["actionConfiguration"]["configuration"]
        return cls(
            job["id"], configuration.get("UserParameters"), job["data"].get("continuationToken")
        )


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The image is live and stands in the pointer; why it could not be marked, if so."""

    live: Live
    previous: str
    unmarked: str | None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The same question again, later."""

    found: Underway
    started: int


@dataclass(frozen=True, slots=True)
class _Refused:
    """The action fails."""

    message: str
    type: FailureTypeType = "JobFailed"


_Answer = _Recorded | _Waiting | _Refused


def handle(event: dict[str, Any], context: object) -> None:
    """Answer a job: success, failure, or "ask again".

    CodePipeline asks again by itself after an answer with a continuation token, so nothing here
    waits. An answer that cannot be given raises: Lambda then tries again, and CodePipeline fails an
    action without an answer after 20 minutes.

    Parameters
    ----------
    event
        What a Lambda action of CodePipeline sends.
    context
        Lambda's context; not needed.

    Raises
    ------
    ValueError
        If the event is no job of CodePipeline.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html
    """
    job = _Job.of(event)
    _send(job, _answer(job))


def _answer(job: _Job) -> _Answer:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        release = Release.parse(job.parameters)
        started = _started(job.token)
        try:
            return _decide(release, started, _connect(job, release))
        except (BotoCoreError, ClientError) as error:
            if not _passes(error):
                raise
            return _wait(release, started, Underway(f"AWS to answer ({_described(error)})"))
    except ParameterError as error:
        return _Refused(str(error), "ConfigurationError")
    except ClientError as error:
        denied = "AccessDenied" in error.response["Error"]["Code"]
        return _Refused(
            f"AWS rejected a request of the release recorder: {_described(error)}. It is not "
            f"known whether the image is live. Next: see the log of the release recorder.",
            "PermissionError" if denied else "JobFailed",
        )
    except Exception as error:
        # The message of an unknown exception could quote anything; the log has where it arose.
        lines = traceback.extract_tb(error.__traceback__)
        _log(
            "error",
            job=job.id,
            error=type(error).__name__,
            at=[f"{line.name}:{line.lineno}" for line in lines],
        )
        return _Refused(
            f"The release recorder failed unexpectedly with {type(error).__name__}. It is not "
            f"known whether the image is live. Next: look for job {job.id} in its log."
        )


def _decide(release: Release, started: int, clients: _Clients) -> _Answer:
    pointer = Pointer(clients.ssm, release.pointer, release.previous)
    found = _record(release, pointer, clients.ecs)
    match found:
        case Live():
            unmarked = _mark(release, pointer, clients)
            return _Recorded(found, pointer.read_previous(), unmarked)
        case Underway():
            return _wait(release, started, found)
        case Failed() | Replaced():
            if isinstance(found, Replaced):
                # It may have been recorded a moment before.
                _mark(release, pointer, clients)
            return _Refused(explanation.failure(clients.ecs, release, found))


def _mark(release: Release, pointer: Pointer, clients: _Clients) -> str | None:
    """Have the registry keep what the pointer names; returns why it does not, if so.

    The release is live and recorded: nothing here makes it a failure.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    if clients.ecr is None or release.repository is None:
        return None
    try:
        Marks(clients.ecr, release.repository).put(pointer.read(), pointer.read_previous())
    except (BotoCoreError, ClientError) as error:
        _log("not marked", repository=release.repository, error=_described(error))
        return _described(error)
    return None


def _record(release: Release, pointer: Pointer, ecs: ECSClient) -> Outcome:
    """Look at the service, write the release once it is live, and look again until both agree.

    Nothing but the verified release is ever written. What has replaced it may be what
    CloudFormation went back to, or a person put there; another release has its own recorder.

    Two releases may end at the same time. A pointer that has moved while this one looked is for the
    other recorder, unless this release is live in the next look as well.
    """
    recorded: Live | None = None
    for _ in range(_MOST_LOOKS):
        before = pointer.read()
        found = examine(ecs, release)
        if isinstance(found, Underway) and recorded is not None:
            return recorded  # the next deployment has begun, and is for its own recorder
        if not isinstance(found, Live) or digest_of(found.image) is None:
            return found
        now = pointer.read()
        if now == found.image:
            return found
        if now == before:
            pointer.move(found.image)
            recorded = found
    return Underway("the service to stay as it is for a moment")


def _wait(release: Release, started: int, found: Underway) -> _Waiting | _Refused:
    if _now() - started >= release.timeout:
        return _Refused(explanation.too_late(release, found))
    return _Waiting(found, started)


def _now() -> int:
    return int(time.time())


def _started(token: str | None) -> int:
    """When the first job of this action came: the only thing that the next one must know."""
    return _now() if token is None else int(json.loads(token)["started"])


@dataclass(frozen=True, slots=True)
class _Clients:
    """What the role of a release may ask for."""

    ecs: ECSClient
    ssm: SSMClient
    ecr: ECRClient | None


def _connect(job: _Job, release: Release) -> _Clients:
    """Take the role that may look at this one service, write its parameters and mark its images."""
    import boto3

    sts = boto3.client("sts", config=_config())
    credentials = sts.assume_role(
        RoleArn=release.role, RoleSessionName=f"job-{job.id}", DurationSeconds=900
    )["Credentials"]
    keys = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
    return _Clients(
        boto3.client("ecs", config=_config(), **keys),
        boto3.client("ssm", config=_config(), **keys),
        boto3.client("ecr", config=_config(), **keys) if release.repository else None,
    )


def _config() -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 5}
    )


def _passes(error: Exception) -> bool:
    """Return whether the next job may succeed: throttled, out of reach, or broken at AWS."""
    response = getattr(error, "response", None)
    if response is None:
        return True
    code = response["Error"]["Code"]
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or "Throttl" in code or code in ("TooManyUpdates", "RequestLimitExceeded")


def _described(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is None:
        return type(error).__name__
    details = response["Error"]
    operation = getattr(error, "operation_name", "")
    return explanation.shorten(f"{operation}: {details['Code']}, {details.get('Message', '')}", 600)


def _send(job: _Job, answer: _Answer) -> None:
    import boto3
    from botocore.exceptions import ClientError

    codepipeline = boto3.client("codepipeline", config=_config())
    try:
        _put(codepipeline, job, answer)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("InvalidJobStateException", "JobNotFoundException"):
            # Answered already, by the same job delivered twice, or its execution was stopped.
            _log("not wanted", job=job.id, error=_described(error))
        elif isinstance(answer, _Refused) or _passes(error):
            raise
        else:
            refused = f"CodePipeline rejected the result: {_described(error)}."
            _put(codepipeline, job, _Refused(refused))


def _put(codepipeline: CodePipelineClient, job: _Job, answer: _Answer) -> None:
    match answer:
        case _Recorded(live, previous, unmarked):
            _log("recorded", job=job.id, image=live.image, previous=previous)
            summary = f"{live.image} is live and recorded"
            if unmarked is not None:
                summary += f", but ECR may expire it: it could not be tagged ({unmarked})"
            codepipeline.put_job_success_result(
                jobId=job.id,
                executionDetails={"summary": _summary(summary)},
                outputVariables={
                    "Image": live.image,
                    "Digest": digest_of(live.image) or "",
                    "PreviousImage": previous,
                    "TaskDefinition": live.task_definition,
                },
            )
        case _Waiting(found, started):
            _log("waiting", job=job.id, waiting_for=found.waiting_for)
            details: ExecutionDetailsTypeDef = {
                "summary": _summary(f"Waiting for {found.waiting_for}")
            }
            if found.deployment is not None:
                details["externalExecutionId"] = found.deployment
            codepipeline.put_job_success_result(
                jobId=job.id,
                continuationToken=json.dumps({"started": started}),
                executionDetails=details,
            )
        case _Refused(message, failure_type):
            message = explanation.shorten(message, explanation.LONGEST_MESSAGE)
            _log("failed", job=job.id, type=failure_type, message=message)
            codepipeline.put_job_failure_result(
                jobId=job.id, failureDetails={"type": failure_type, "message": message}
            )


def _summary(text: str) -> str:
    return explanation.shorten(text, explanation.LONGEST_SUMMARY)


def _log(decision: str, **fields: object) -> None:
    print(json.dumps({"decision": decision, **fields}))
