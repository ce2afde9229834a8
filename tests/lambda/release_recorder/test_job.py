"""The protocol: every job gets an answer, and one only."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest

from release_recorder.handler import handle
from release_recorder.pointer import Pointer

Record = Callable[..., dict[str, Any]]


@pytest.fixture
def fault(aws: Any) -> Callable[..., None]:
    """Let the next calls of an operation end with an error."""

    def add(operation: str, code: str, times: int = 1, status: int = 400) -> None:
        aws.faults[operation] += [aws.fault(code, "told why", status)] * times

    return add


@pytest.mark.parametrize(
    "key",
    ["cluster", "service", "container", "image", "pointer", "previous", "role", "timeout"],
)
@pytest.mark.parametrize("value", [None, "", 7.5, []])
def test_a_bad_parameter_is_named(aws: Any, record: Record, key: str, value: Any) -> None:
    details = record(**{key: value})["failureDetails"]
    assert details["type"] == "ConfigurationError"
    assert details["message"].startswith(f"'{key}' in UserParameters must be")
    shown = "nothing" if value in (None, "") else repr(value)
    assert f", got {shown}; " in details["message"]
    assert aws.calls == ["PutJobFailureResult"]


@pytest.mark.parametrize(
    "image",
    [
        "#{BuildVariables.IMAGE_URI}",
        "my-app:latest",
        "my-app@sha256:abc",
        "@sha256:" + "a" * 64,
        "my-app@sha256:" + "A" * 64,
        "my-app@sha256:" + "a" * 64 + "\n",
    ],
)
def test_an_image_must_have_a_digest(record: Record, image: str) -> None:
    text = record(image=image)["failureDetails"]["message"]
    assert text.startswith("'image' in UserParameters must be repository@sha256:<64 digits>, got '")


@pytest.mark.parametrize("timeout", ["0", "-1", "82801", "x", "1e3"])
def test_a_timeout_must_fit(record: Record, timeout: str) -> None:
    assert "'timeout'" in record(timeout=timeout)["failureDetails"]["message"]


def test_a_timeout_may_be_a_number(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    assert "outputVariables" in record(timeout=600)
    assert "outputVariables" in record(timeout=1)
    assert "outputVariables" in record(timeout=23 * 60 * 60)


@pytest.mark.parametrize("text", [None, "", "no json", "[]", "7"])
def test_parameters_must_be_an_object(aws: Any, job: Any, text: str | None) -> None:
    event = job()
    configuration = event["CodePipeline.job"]["data"]["actionConfiguration"]["configuration"]
    configuration["UserParameters"] = text
    if text is None:
        del configuration["UserParameters"]
    handle(event, None)
    (answer,) = aws.answers
    assert "UserParameters must be a JSON object" in answer["failureDetails"]["message"]


def test_a_container_that_the_task_does_not_have(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    details = record(container="web")["failureDetails"]
    assert details["type"] == "ConfigurationError"
    assert details["message"].startswith("'container' in UserParameters must be one of arn:aws:ecs")


def test_what_is_no_job_is_refused(aws: Any) -> None:
    with pytest.raises(ValueError, match="handles jobs of CodePipeline only"):
        handle({"source": "aws.events"}, None)
    assert aws.calls == []


@pytest.mark.parametrize("code", ["InvalidJobStateException", "JobNotFoundException"])
@pytest.mark.parametrize("good", [True, False])
def test_a_job_that_is_answered_already(
    aws: Any,
    job: Any,
    fault: Any,
    capsys: pytest.CaptureFixture[str],
    code: str,
    good: bool,
) -> None:
    aws.deploy(aws.NEW if good else aws.OLD)
    fault("PutJobSuccessResult" if good else "PutJobFailureResult", code)
    handle(job(), None)
    assert aws.answers == []
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["decision"] == "not wanted"


def test_a_throttled_call_is_tried_again(aws: Any, record: Record, fault: Any) -> None:
    aws.deploy(aws.NEW)
    for operation in ("AssumeRole", "DescribeServices", "ListTasks", "PutParameter"):
        fault(operation, "ThrottlingException", times=2)
    assert "outputVariables" in record()


def test_a_call_is_tried_five_times_in_one_job(aws: Any, record: Record, fault: Any) -> None:
    aws.deploy(aws.NEW)
    fault("DescribeServices", "ThrottlingException", times=4)
    assert "outputVariables" in record()


@pytest.mark.parametrize(
    ("operation", "code", "status", "times"),
    [
        ("DescribeServices", "ThrottlingException", 400, 5),
        ("PutParameter", "TooManyUpdates", 400, 1),  # botocore does not try these again
        ("ListServiceDeployments", "ServerException", 500, 5),
        ("AssumeRole", "ServiceUnavailable", 503, 5),
    ],
)
def test_an_aws_that_does_not_answer_is_asked_again_by_the_next_job(
    aws: Any, record: Record, fault: Any, operation: str, code: str, status: int, times: int
) -> None:
    aws.deploy(aws.NEW)
    fault(operation, code, times=times, status=status)
    answer = record()
    assert code in answer["executionDetails"]["summary"]
    assert "outputVariables" in record(answer["continuationToken"])


def test_a_network_that_fails_is_asked_again_by_the_next_job(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    lost = botocore.exceptions.ReadTimeoutError(endpoint_url="https://ecs")
    aws.faults["DescribeServices"] += [lost] * 5
    answer = record()
    assert "AWS to answer (ReadTimeoutError)" in answer["executionDetails"]["summary"]
    assert "outputVariables" in record(answer["continuationToken"])


def test_what_is_not_allowed_is_a_matter_of_permissions(
    aws: Any, record: Record, fault: Any
) -> None:
    aws.deploy(aws.NEW)
    fault("PutParameter", "AccessDeniedException")
    details = record()["failureDetails"]
    assert details["type"] == "PermissionError"
    assert "PutParameter: AccessDeniedException, told why" in details["message"]
    assert aws.parameters["/my-app/image"] == aws.OLD


def test_a_pointer_that_is_not_there(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    aws.parameters.clear()
    details = record()["failureDetails"]
    assert details["type"] == "JobFailed"
    assert "GetParameter: ParameterNotFound" in details["message"]


def test_an_unexpected_error_is_answered_without_its_text(
    aws: Any, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.deploy(aws.NEW)
    aws.faults["ListTasks"].append(KeyError("hunter2"))
    text = record()["failureDetails"]["message"]
    assert "failed unexpectedly with KeyError" in text
    printed = capsys.readouterr().out
    assert "hunter2" not in text + printed
    error, failed = map(json.loads, printed.splitlines())
    assert (error["decision"], failed["decision"]) == ("error", "failed")
    assert any(place.startswith("running:") for place in error["at"])


def test_an_answer_that_cannot_be_given_is_left_to_lambda_to_try_again(
    aws: Any, job: Any, fault: Any
) -> None:
    aws.deploy(aws.NEW)
    fault("PutJobSuccessResult", "ThrottlingException", times=5)
    with pytest.raises(botocore.exceptions.ClientError):
        handle(job(), None)
    handle(job(), None)
    assert "outputVariables" in aws.answers[0]


def test_a_success_that_codepipeline_does_not_take_is_a_failure(
    aws: Any, record: Record, fault: Any
) -> None:
    aws.deploy(aws.NEW)
    fault("PutJobSuccessResult", "OutputVariablesSizeExceededException")
    assert "OutputVariablesSizeExceededException" in record()["failureDetails"]["message"]


def test_a_token_that_is_not_ours(aws: Any, record: Record) -> None:
    aws.deploy(aws.NEW)
    assert "failed unexpectedly with JSONDecodeError" in record("what")["failureDetails"]["message"]


def test_a_line_of_json_for_each_decision(
    aws: Any, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.deploy(aws.NEW)
    record()
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["decision"] == "recorded"
    assert line["image"] == aws.NEW


@pytest.fixture
def pointer(aws: Any) -> Pointer:
    return Pointer(boto3.client("ssm"), "/my-app/image", "/my-app/image-previous")


def test_a_reference_by_tag_is_never_written(aws: Any, pointer: Pointer) -> None:
    with pytest.raises(ValueError, match="must name an image by digest, got 'my-app:1'"):
        pointer.move("my-app:1")
    assert aws.calls == []


def test_what_is_recorded_already_is_left_alone(aws: Any, pointer: Pointer) -> None:
    pointer.move(aws.OLD)
    assert aws.written == []


def test_loading_the_function_takes_nothing_but_the_standard_library() -> None:
    """As Lambda loads it: its own package, and boto3 not before a job is there."""
    folder = Path(__file__).parents[3] / "lambda"
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LOAD, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")


_LOAD = "import sys; sys.path.append(sys.argv[1]); import release_recorder.handler"
