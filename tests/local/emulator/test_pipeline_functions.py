"""The protocol of functions that work for a pipeline."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.delivery import action, approval
from tests.local.emulator.driver import ACCOUNT, Emulator, eventually
from tests.local.emulator.pipeline import Pipeline

# What it does with a job depends on its parameters; it leaves the job's id where a test finds it.
CODE = """
import os, signal, boto3
def handler(event, context):
    job = event["CodePipeline.job"]
    data = job["data"]
    what = data["actionConfiguration"]["configuration"]["UserParameters"]
    name = what + "-" + context.function_name
    calls = boto3.client("ssm")
    calls.put_parameter(Name=name, Value=job["id"], Type="String", Overwrite=True)
    client = boto3.client("codepipeline")
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "slow":
        import time
        time.sleep(2.5)
    if what == "leave":
        return
    if what == "again":
        turn = int(data.get("continuationToken", "0"))
        if turn < 2:
            client.put_job_success_result(
                jobId=job["id"],
                continuationToken=str(turn + 1),
                executionDetails={
                    "summary": f"turn {turn}", "percentComplete": 40 * turn,
                    "externalExecutionId": "it",
                },
            )
            return
    client.put_job_success_result(jobId=job["id"], outputVariables={"seen": what})
    if what == "late":
        raise RuntimeError("after the answer")
"""


def working(emulator: Emulator, what: str, timeout: int = 5) -> Pipeline:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/function",
            "Code": {"ZipFile": CODE},
            "Timeout": timeout,
        },
    }
    configuration = {"FunctionName": {"Ref": "Function"}, "UserParameters": what}
    invoke = action("Invoke", "Lambda", configuration, name="Call", Namespace="Called")
    show = approval() | {"Configuration": {"CustomData": "#{Called.seen}"}}
    return Pipeline(emulator, {"Call": [invoke], "Gate": [show]}, {"Function": function})


def job_of(pipeline: Pipeline, what: str) -> str:
    ssm = pipeline.emulator.client("ssm")

    def found() -> str | None:
        try:
            parameter = ssm.get_parameter(Name=f"{what}-{name}")["Parameter"]
        except ClientError:
            return None
        value: str = parameter["Value"]
        return value

    resources = pipeline.emulator.client("cloudformation").list_stack_resources(
        StackName=pipeline.stack
    )["StackResourceSummaries"]
    name = next(
        each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "Function"
    )
    return str(eventually(found))


def test_a_function_asks_for_more_time_and_gives_variables(emulator: Emulator) -> None:
    pipeline = working(emulator, "again")
    execution = pipeline.push()
    first = job_of(pipeline, "again")
    # The answer has taken it: a second one is too many, though the action goes on.
    eventually(lambda: "turn" in str(pipeline.actions(execution)["Call"]["output"]))
    with pytest.raises(ClientError, match="InvalidJobStateException"):
        pipeline.api.put_job_success_result(jobId=first)
    assert pipeline.token("Gate", execution)
    run = pipeline.actions(execution)["Call"]["output"]
    assert run["outputVariables"] == {"seen": "again"}
    assert run["executionResult"]["externalExecutionId"] == "it"
    state = pipeline.stage("Call")["actionStates"][0]["latestExecution"]
    assert (state["summary"], state["percentComplete"]) == ("turn 1", 40)
    assert job_of(pipeline, "again") != first
    shown = pipeline.stage("Gate")["actionStates"][0]["latestExecution"]
    assert shown["summary"] == "again"


def test_a_function_that_breaks_after_its_answer_has_answered(emulator: Emulator) -> None:
    pipeline = working(emulator, "late")
    assert pipeline.token("Gate", pipeline.push())


@pytest.mark.parametrize(("what", "timeout"), [("die", 5), ("slow", 1)])
def test_a_function_that_dies_fails_its_action_at_once(
    emulator: Emulator, what: str, timeout: int
) -> None:
    pipeline = working(emulator, what, timeout)
    execution = pipeline.push()
    assert pipeline.end(execution) == "Failed"
    error = pipeline.error(execution, "Call")
    assert error["code"] == "JobFailed"
    assert "failed to return a result" in error["message"]
    with pytest.raises(ClientError, match="InvalidJobStateException"):
        pipeline.api.put_job_success_result(jobId=job_of(pipeline, what))


def test_somebody_else_can_answer_for_a_function(emulator: Emulator) -> None:
    pipeline = working(emulator, "leave")
    execution = pipeline.push()
    job = job_of(pipeline, "leave")
    with pytest.raises(ClientError, match="OutputVariablesSizeExceededException"):
        pipeline.api.put_job_success_result(jobId=job, outputVariables={"x": "y" * 122_880})
    pipeline.api.put_job_success_result(jobId=job, outputVariables={"seen": "else"})
    assert pipeline.token("Gate", execution)
    details = {"type": "JobFailed", "message": "no"}
    with pytest.raises(ClientError, match="InvalidJobStateException"):
        pipeline.api.put_job_failure_result(jobId=job, failureDetails=details)
    with pytest.raises(ClientError, match="JobNotFoundException"):
        pipeline.api.put_job_success_result(jobId="4f6dd30c-1d3b-4e2c-9a4f-3a5a8e6f6b11")


def test_nobody_answering_times_out(emulator: Emulator) -> None:
    pipeline = working(emulator, "leave")
    execution = pipeline.push()
    job = job_of(pipeline, "leave")
    emulator.local("POST", "clock", forward=str(20 * 60 + 1))
    assert pipeline.end(execution) == "Failed"
    assert "PutJobSuccessResult" in pipeline.error(execution, "Call")["message"]
    with pytest.raises(ClientError, match="InvalidJobStateException"):
        pipeline.api.put_job_success_result(jobId=job)


def stop(pipeline: Pipeline, execution: str) -> None:
    pipeline.api.stop_pipeline_execution(
        pipelineName=pipeline.name, pipelineExecutionId=execution, abandon=True
    )
    assert pipeline.end(execution) == "Stopped"


@pytest.mark.parametrize("what", ["leave", "slow"])
def test_the_job_of_an_abandoned_execution_is_over(emulator: Emulator, what: str) -> None:
    pipeline = working(emulator, what)
    execution = pipeline.push()
    job = job_of(pipeline, what)
    asked = time.monotonic()
    stop(pipeline, execution)
    assert time.monotonic() - asked < 2  # the function may still work
    assert pipeline.actions(execution)["Call"]["status"] == "Abandoned"
    with pytest.raises(ClientError, match="InvalidJobStateException"):
        pipeline.api.put_job_success_result(jobId=job)


def test_a_function_that_does_not_exist_fails_its_action(emulator: Emulator) -> None:
    configuration: dict[str, Any] = {"FunctionName": "nowhere"}
    invoke = action("Invoke", "Lambda", configuration, name="Call")
    pipeline = Pipeline(emulator, {"Call": [invoke]})
    execution = pipeline.push()
    assert pipeline.end(execution) == "Failed"
    assert pipeline.error(execution, "Call")["code"] == "ConfigurationError"
