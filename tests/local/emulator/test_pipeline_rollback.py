"""Rollbacks and retries of stages, by a person and by themselves."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.delivery import (
    DEFINITIONS,
    approval,
    ecs_deploy,
    ecs_resources,
)
from tests.local.emulator.driver import Emulator, eventually
from tests.local.emulator.pipeline import (
    Inbox,
    Pipeline,
    approvals,
    condition,
    gate,
    gated,
    rule,
)


def roll_back(pipeline: Pipeline, target: str, stage: str = "Gate") -> str:
    answer = pipeline.api.rollback_stage(
        pipelineName=pipeline.name, stageName=stage, targetPipelineExecutionId=target
    )
    return str(answer["pipelineExecutionId"])


def released(pipeline: Pipeline, **push: Any) -> str:
    execution = pipeline.push(**push)
    pipeline.pass_gate(execution)
    assert pipeline.end(execution) == "Succeeded"
    return execution


def retry(pipeline: Pipeline, execution: str, mode: str = "FAILED_ACTIONS") -> None:
    pipeline.api.retry_stage_execution(
        pipelineName=pipeline.name,
        stageName="Gate",
        pipelineExecutionId=execution,
        retryMode=mode,
    )


def test_a_stage_is_rolled_back_to_what_an_earlier_execution_deployed(emulator: Emulator) -> None:
    stage = {"Name": "Deploy", "Actions": [ecs_deploy()]}
    pipeline = gated(emulator, stage, {**ecs_resources(), **Inbox.resources})

    def release(image: str) -> str:
        files = {DEFINITIONS: json.dumps([{"name": "app", "imageUri": image}])}
        execution = pipeline.push(files)
        assert pipeline.end(execution) == "Succeeded"
        return execution

    first, second = release("app:1"), release("app:2")
    rollback = roll_back(pipeline, first, "Deploy")
    assert pipeline.end(rollback) == "Succeeded"

    configuration = pipeline.actions(rollback)["Deploy"]["input"]["resolvedConfiguration"]
    ecs = emulator.client("ecs")
    (service,) = ecs.describe_services(
        cluster=configuration["ClusterName"], services=[configuration["ServiceName"]]
    )["services"]
    described = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
    assert described["taskDefinition"]["containerDefinitions"][0]["image"] == "app:1"

    shown = pipeline.execution(rollback)
    assert shown["executionType"] == "ROLLBACK"
    assert shown["rollbackMetadata"] == {"rollbackTargetPipelineExecutionId": first}
    assert shown["trigger"]["triggerType"] == "ManualRollback"
    before = pipeline.execution(first)
    assert shown["artifactRevisions"] == before["artifactRevisions"]
    assert pipeline.actions(rollback).keys() == {"Deploy"}
    assert pipeline.stage("Deploy")["latestExecution"] == {
        "pipelineExecutionId": rollback,
        "status": "Succeeded",
        "type": "ROLLBACK",
    }
    assert pipeline.newest()["executionType"] == "ROLLBACK"
    with pytest.raises(ClientError, match=r"UnableToRollbackStageException.*is a rollback"):
        roll_back(pipeline, rollback, "Deploy")
    inbox = Inbox(pipeline)
    eventually(lambda: "SUCCEEDED" in inbox.states(rollback, "Pipeline"))
    started = inbox.of(rollback, "Pipeline")[0]
    assert started["execution-trigger"]["trigger-type"] == "ManualRollback"

    def succeeded() -> set[str]:
        listed = pipeline.api.list_pipeline_executions(
            pipelineName=pipeline.name, filter={"succeededInStage": {"stageName": "Deploy"}}
        )
        return {e["pipelineExecutionId"] for e in listed["pipelineExecutionSummaries"]}

    assert succeeded() == {first, second, rollback}


def test_a_rollback_to_what_cannot_be_rolled_back_to_is_refused(emulator: Emulator) -> None:
    pipeline = gated(emulator, gate())
    good = released(pipeline)
    bad = pipeline.push()
    running = pipeline.token("Gate", bad)
    with pytest.raises(ClientError, match=r"UnableToRollbackStageException.*is running"):
        roll_back(pipeline, good)
    assert len(pipeline.executions()) == 2
    pipeline.answer("Gate", running, "Rejected")
    assert pipeline.end(bad) == "Failed"
    with pytest.raises(ClientError, match=r"UnableToRollbackStageException.*did not succeed"):
        roll_back(pipeline, bad)
    with pytest.raises(ClientError, match=r"UnableToRollbackStageException.*source stage"):
        roll_back(pipeline, good, "Source")
    with pytest.raises(ClientError, match="StageNotFoundException"):
        roll_back(pipeline, good, "Nowhere")
    with pytest.raises(ClientError, match="PipelineExecutionNotFoundException"):
        roll_back(pipeline, "4f6dd30c-1d3b-4e2c-9a4f-3a5a8e6f6b11")

    pipeline.update(ExecutionMode="QUEUED")
    with pytest.raises(ClientError, match=r"UnableToRollbackStageException.*version 1 .*version 2"):
        roll_back(pipeline, good)
    with pytest.raises(ClientError, match=r"StageNotRetryableException.*version 1 .*version 2"):
        retry(pipeline, bad)
    listed = pipeline.api.list_pipeline_executions(
        pipelineName=pipeline.name, filter={"succeededInStage": {"stageName": "Gate"}}
    )
    assert listed["pipelineExecutionSummaries"] == []


@pytest.mark.parametrize(
    ("properties", "message"),
    [({"ExecutionMode": "PARALLEL"}, "PARALLEL mode"), ({"PipelineType": "V1"}, "V2 pipelines")],
)
def test_some_pipelines_cannot_be_rolled_back(
    emulator: Emulator, properties: dict[str, str], message: str
) -> None:
    pipeline = Pipeline(emulator, {"Gate": [approval()]}, **properties)
    execution = released(pipeline)
    with pytest.raises(ClientError, match=f"UnableToRollbackStageException.*{message}"):
        roll_back(pipeline, execution)


def rolled_back_by_itself(pipeline: Pipeline, failed: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        newest = pipeline.newest()
        return newest if newest["executionType"] == "ROLLBACK" else None

    rollback: dict[str, Any] = eventually(found)
    assert rollback["trigger"]["triggerType"] == "AutomatedRollback"
    assert json.loads(rollback["trigger"]["triggerDetail"]) == {"FailedPipelineExecutionId": failed}
    return rollback


def test_a_failed_stage_rolls_back_to_the_latest_success(emulator: Emulator) -> None:
    pipeline = gated(emulator, gate(OnFailure={"Result": "ROLLBACK"}))
    hopeless = pipeline.push()
    pipeline.pass_gate(hopeless, "Rejected")
    assert pipeline.end(hopeless) == "Failed"
    assert len(pipeline.executions()) == 1  # there is nothing to go back to

    released(pipeline)
    good = released(pipeline)
    bad = pipeline.push()
    # Whoever waits for the stage lets the rollback pass.
    token = pipeline.token("Gate", bad)
    waiting = pipeline.push()
    eventually(lambda: pipeline.stage("Gate")["inboundExecutions"])
    pipeline.answer("Gate", token, "Rejected")
    assert pipeline.end(bad) == "Failed"
    rollback = rolled_back_by_itself(pipeline, bad)
    target = rollback["rollbackMetadata"]["rollbackTargetPipelineExecutionId"]
    assert target == good
    again = rollback["pipelineExecutionId"]
    token = pipeline.token("Gate", again)
    assert pipeline.stage("Gate")["inboundExecution"]["pipelineExecutionId"] == waiting
    with pytest.raises(ClientError, match="NotLatestPipelineExecutionException"):
        retry(pipeline, bad)
    # A rollback that fails is not rolled back in turn.
    pipeline.answer("Gate", token, "Rejected")
    assert pipeline.end(again) == "Failed"
    pipeline.pass_gate(waiting)
    assert pipeline.end(waiting) == "Succeeded"
    assert sum(each["executionType"] == "ROLLBACK" for each in pipeline.executions()) == 1


def test_a_condition_after_success_can_roll_back(emulator: Emulator) -> None:
    wanted = {"Variable": "#{variables.wanted}", "Value": "yes", "Operator": "EQ"}
    stage = gate(OnSuccess=condition("ROLLBACK", rule("VariableCheck", wanted)))
    variables = [{"Name": "wanted", "DefaultValue": "yes"}]
    pipeline = gated(emulator, stage, Variables=variables)
    good = released(pipeline)
    bad = pipeline.start(variables=[{"name": "wanted", "value": "no"}])
    pipeline.pass_gate(bad)
    assert pipeline.end(bad) == "Failed"
    rollback = rolled_back_by_itself(pipeline, bad)["pipelineExecutionId"]
    pipeline.pass_gate(rollback)
    assert pipeline.end(rollback) == "Succeeded"
    shown = pipeline.execution(rollback)
    assert shown["rollbackMetadata"]["rollbackTargetPipelineExecutionId"] == good
    assert shown["variables"] == [{"name": "wanted", "resolvedValue": "yes"}]


def two_actions(mode: str) -> dict[str, Any]:
    retries = {"Result": "RETRY", "RetryConfiguration": {"RetryMode": mode}}
    return {"Name": "Gate", "Actions": [approval("A"), approval("B")], "OnFailure": retries}


def newly_open(pipeline: Pipeline, names: set[str], before: dict[str, str]) -> dict[str, str]:
    """Wait until these approvals are open anew, and no others; return their tokens."""

    def found() -> dict[str, str] | None:
        states = pipeline.stage("Gate")["actionStates"]
        tokens = {
            each["actionName"]: each["latestExecution"]["token"]
            for each in states
            if "token" in each.get("latestExecution", {})
        }
        is_new = not set(tokens.values()) & set(before.values())
        return tokens if is_new and tokens.keys() == names else None

    tokens: dict[str, str] = eventually(found)
    return tokens


@pytest.mark.parametrize(
    ("mode", "again"), [("FAILED_ACTIONS", {"B"}), ("ALL_ACTIONS", {"A", "B"})]
)
def test_a_stage_is_retried_once_by_itself(emulator: Emulator, mode: str, again: set[str]) -> None:
    pipeline = gated(emulator, two_actions(mode), Inbox.resources)
    execution = pipeline.push()
    first = newly_open(pipeline, {"A", "B"}, {})
    pipeline.answer("Gate", first["A"], name="A")
    pipeline.answer("Gate", first["B"], "Rejected", name="B")
    second = newly_open(pipeline, again, first)
    assert pipeline.status(execution) == "InProgress"
    assert pipeline.stage("Gate")["retryStageMetadata"] == {
        "autoStageRetryAttempt": 1,
        "latestRetryTrigger": "AutomatedStageRetry",
    }
    for name, token in second.items():
        pipeline.answer("Gate", token, "Rejected", name=name)
    assert pipeline.end(execution) == "Failed"

    retry(pipeline, execution)
    third = newly_open(pipeline, again, second)
    assert pipeline.stage("Gate")["retryStageMetadata"] == {
        "autoStageRetryAttempt": 1,
        "manualStageRetryAttempt": 1,
        "latestRetryTrigger": "ManualStageRetry",
    }
    for name, token in third.items():
        pipeline.answer("Gate", token, name=name)
    assert pipeline.end(execution) == "Succeeded"
    inbox = Inbox(pipeline)
    eventually(lambda: "SUCCEEDED" in inbox.states(execution, "Pipeline"))
    assert inbox.states(execution, "Stage", "Gate") == [
        "STARTED",
        "FAILED",
        "RESUMED",
        "FAILED",
        "RESUMED",
        "SUCCEEDED",
    ]
    stage = [each for each in inbox.of(execution, "Stage") if each["stage"] == "Gate"]
    assert [each["pipeline-execution-attempt"] for each in stage] == [1, 1, 2, 2, 3, 3]
    assert ["stage-last-retry-attempt-time" in each for each in stage] == [False] * 2 + [True] * 4
    assert inbox.states(execution, "Pipeline") == ["STARTED", "FAILED", "RESUMED", "SUCCEEDED"]


def test_failed_actions_tell_why_in_their_events(emulator: Emulator) -> None:
    pipeline = gated(emulator, gate(), Inbox.resources)
    execution = pipeline.push()
    pipeline.pass_gate(execution, "Rejected")
    inbox = Inbox(pipeline)
    eventually(lambda: "FAILED" in inbox.states(execution, "Pipeline"))
    (failed,) = (e for e in inbox.of(execution, "Action") if e["state"] == "FAILED")
    assert failed["execution-result"]["error-code"] == "Rejected"
    assert "because" in failed["execution-result"]["external-execution-summary"]
    reported = inbox.of(execution, "Pipeline")[-1]["execution-trigger"]
    assert reported["branch-name"] == "main"
    assert reported["full-repository-name"] == pipeline.repository


def test_executions_in_parallel_are_retried_whichever_is_newest(emulator: Emulator) -> None:
    pipeline = approvals(emulator, ExecutionMode="PARALLEL")
    executions = [pipeline.push()]
    pipeline.pass_gate(executions[0], "Rejected")
    assert pipeline.end(executions[0]) == "Failed"
    executions.append(pipeline.push())
    pipeline.token("Gate", executions[1])
    retry(pipeline, executions[0])
    assert pipeline.token("Gate", executions[0])
