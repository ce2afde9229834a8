"""Conditions of stages: entry, success and failure, their rules, and people who override them."""

import datetime as dt
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.delivery import approval, source
from tests.local.emulator.driver import ACCOUNT, Emulator, eventually
from tests.local.emulator.pipeline import Inbox, Pipeline, condition, gate, gated, rule

EQUAL = {"Variable": "#{SourceVariables.BranchName}", "Value": "main", "Operator": "EQ"}
OTHER = {**EQUAL, "Value": "other"}


def check(configuration: dict[str, str], name: str = "Branch") -> Any:
    return rule("VariableCheck", configuration, name)


def override(pipeline: Pipeline, execution: str, kind: str = "BEFORE_ENTRY") -> None:
    pipeline.api.override_stage_condition(
        pipelineName=pipeline.name,
        stageName="Gate",
        pipelineExecutionId=execution,
        conditionType=kind,
    )


def with_three(emulator: Emulator, stage: dict[str, Any], **kwargs: Any) -> Pipeline:
    """Deploy source, this stage and another approval."""
    repository = emulator.new_name("org/code")
    stages = [
        {"Name": "Source", "Actions": [source(repository)]},
        stage,
        {"Name": "After", "Actions": [approval("Last")]},
    ]
    pipeline = Pipeline(emulator, {}, Stages=stages, **kwargs)
    pipeline.repository = repository
    return pipeline


def test_a_met_entry_condition_lets_the_execution_in(emulator: Emulator) -> None:
    pipeline = gated(emulator, gate(BeforeEntry=condition("FAIL", check(EQUAL))))
    shown = pipeline.condition("Gate", "beforeEntry")
    assert shown["conditionStates"][0]["ruleStates"] == [{"ruleName": "Branch"}]
    execution = pipeline.push()
    pipeline.pass_gate(execution)
    assert pipeline.end(execution) == "Succeeded"
    state = pipeline.condition("Gate", "beforeEntry")
    assert state["latestExecution"]["status"] == "Succeeded"
    (found,) = state["conditionStates"][0]["ruleStates"]
    assert found["latestExecution"]["status"] == "Succeeded"
    run = pipeline.rules(execution)["Branch"]
    assert run["ruleExecutionId"] == found["latestExecution"]["ruleExecutionId"]
    assert run["stageName"] == "Gate"
    assert run["input"]["ruleTypeId"]["provider"] == "VariableCheck"
    assert run["input"]["configuration"]["Variable"] == EQUAL["Variable"]
    assert run["input"]["resolvedConfiguration"]["Variable"] == "main"


def test_an_unmet_entry_condition_fails_the_stage_without_running_it(emulator: Emulator) -> None:
    stage = gate(BeforeEntry=condition("FAIL", check(EQUAL), check(OTHER, "Wrong")))
    pipeline = gated(emulator, stage, Inbox.resources)
    execution = pipeline.push()
    assert pipeline.end(execution) == "Failed"
    assert "Approve" not in pipeline.actions(execution)
    state = pipeline.condition("Gate", "beforeEntry")
    assert state["latestExecution"]["status"] == "Failed"
    assert "Wrong: The variable check does not hold" in state["latestExecution"]["summary"]
    assert pipeline.stage_status("Gate") == "Failed"
    error = pipeline.rules(execution)["Wrong"]["output"]["executionResult"]["errorDetails"]
    assert "'main' EQ 'other'" in error["message"]
    inbox = Inbox(pipeline)
    eventually(lambda: "FAILED" in inbox.states(execution, "Pipeline"))
    assert inbox.states(execution, "Stage", "Gate") == ["STARTED", "FAILED"]


def test_an_entry_condition_can_skip_the_stage(emulator: Emulator) -> None:
    pipeline = with_three(emulator, gate(BeforeEntry=condition("SKIP", check(OTHER))))
    execution = pipeline.push()
    pipeline.answer("After", pipeline.token("After", execution), name="Last")
    assert pipeline.end(execution) == "Succeeded"
    assert pipeline.stage_status("Gate") == "Skipped"
    assert "Approve" not in pipeline.actions(execution)
    with pytest.raises(ClientError, match="ConditionNotOverridableException"):
        override(pipeline, execution)
    with pytest.raises(ClientError, match="StageNotRetryableException"):
        pipeline.api.retry_stage_execution(
            pipelineName=pipeline.name,
            stageName="Gate",
            pipelineExecutionId=execution,
            retryMode="ALL_ACTIONS",
        )


def test_a_success_condition_can_fail_the_stage_and_be_overridden(emulator: Emulator) -> None:
    pipeline = with_three(emulator, gate(OnSuccess=condition("FAIL", check(OTHER))))
    execution = pipeline.push()
    pipeline.pass_gate(execution)
    assert pipeline.end(execution) == "Failed"
    assert pipeline.actions(execution)["Approve"]["status"] == "Succeeded"
    assert pipeline.stage_status("Gate") == "Failed"
    retry = {"pipelineName": pipeline.name, "stageName": "Gate", "pipelineExecutionId": execution}
    with pytest.raises(ClientError, match=r"StageNotRetryableException.*no failed actions"):
        pipeline.api.retry_stage_execution(**retry, retryMode="FAILED_ACTIONS")
    with pytest.raises(ClientError, match="ConditionNotOverridableException"):
        override(pipeline, execution, "BEFORE_ENTRY")
    override(pipeline, execution, "ON_SUCCESS")
    pipeline.answer("After", pipeline.token("After", execution), name="Last")
    assert pipeline.end(execution) == "Succeeded"
    assert pipeline.stage_status("Gate") == "Succeeded"


def test_a_failed_entry_condition_that_is_overridden_runs_the_stage(emulator: Emulator) -> None:
    stage = gate(BeforeEntry=condition("FAIL", check(OTHER)))
    pipeline = gated(emulator, stage, Inbox.resources)
    first = pipeline.push()
    assert pipeline.end(first) == "Failed"
    second = pipeline.push()
    assert pipeline.end(second) == "Failed"
    with pytest.raises(ClientError, match="NotLatestPipelineExecutionException"):
        override(pipeline, first)
    override(pipeline, second)
    pipeline.pass_gate(second)
    assert pipeline.end(second) == "Succeeded"
    with pytest.raises(ClientError, match="ConditionNotOverridableException"):
        override(pipeline, second, "ON_SUCCESS")
    inbox = Inbox(pipeline)
    eventually(lambda: "SUCCEEDED" in inbox.states(second, "Pipeline"))
    assert inbox.states(second, "Pipeline") == ["STARTED", "FAILED", "RESUMED", "SUCCEEDED"]


@pytest.mark.parametrize(
    ("operator", "value", "holds"),
    [
        ("EQ", "main", True),
        ("EQ", "mai", False),
        ("NE", "other", True),
        ("NE", "main", False),
        ("CONTAINS", "ai", True),
        ("CONTAINS", "x", False),
        ("MATCHES", "ma.n", True),
        ("MATCHES", "ma", False),
        ("MATCHES", "ma(", False),
    ],
)
def test_a_variable_check_compares(
    emulator: Emulator, operator: str, value: str, holds: bool
) -> None:
    wanted = {**EQUAL, "Operator": operator, "Value": value}
    pipeline = gated(emulator, gate(BeforeEntry=condition("FAIL", check(wanted))))
    execution = pipeline.push()
    pipeline.condition_becomes("Gate", "beforeEntry", "Succeeded" if holds else "Failed")
    details = pipeline.rules(execution)["Branch"]["output"]["executionResult"]
    assert ("errorDetails" in details) is not holds
    assert ("no regular expression" in str(details)) is (value == "ma(")


def window_from_now(emulator: Emulator, hours: int) -> dict[str, str]:
    """Return a window of one hour that opens so many hours from now."""
    now = emulator.local("GET", "clock")[1]["now"]
    opens = dt.datetime.fromtimestamp(now, dt.UTC) + dt.timedelta(hours=hours)
    return {"Cron": f"* * {opens.hour} {opens.day} {opens.month} ? {opens.year}"}


def test_a_deployment_window_holds_back_until_it_opens(emulator: Emulator) -> None:
    window = rule("DeploymentWindow", window_from_now(emulator, 3))
    pipeline = gated(emulator, gate(BeforeEntry=condition("FAIL", window)))
    execution = pipeline.push()
    pipeline.condition_becomes("Gate", "beforeEntry", "InProgress")
    assert emulator.local("POST", "clock", forward="3600")[0] == 200
    assert pipeline.rules(execution)["DeploymentWindow"]["status"] == "InProgress"
    assert emulator.local("POST", "clock", forward="7200")[0] == 200
    pipeline.pass_gate(execution)
    assert pipeline.end(execution) == "Succeeded"


def test_a_deployment_window_that_is_open_is_no_obstacle(emulator: Emulator) -> None:
    always = rule("DeploymentWindow", {"Cron": "* * * ? * * *", "TimeZone": "Europe/Berlin"})
    pipeline = gated(emulator, gate(BeforeEntry=condition("FAIL", always)))
    pipeline.pass_gate(pipeline.push())


def test_a_rule_that_waits_can_be_overridden(emulator: Emulator) -> None:
    window = rule("DeploymentWindow", window_from_now(emulator, 5))
    pipeline = gated(emulator, gate(BeforeEntry=condition("FAIL", window)))
    execution = pipeline.push()
    pipeline.condition_becomes("Gate", "beforeEntry", "InProgress")
    override(pipeline, execution)
    pipeline.pass_gate(execution)
    state = pipeline.condition("Gate", "beforeEntry")
    assert state["latestExecution"]["status"] == "Overridden"
    assert pipeline.rules(execution)["DeploymentWindow"]["status"] == "Abandoned"


def test_a_rule_that_waits_ends_with_the_execution(emulator: Emulator) -> None:
    window = rule("DeploymentWindow", window_from_now(emulator, 5))
    pipeline = gated(emulator, gate(BeforeEntry=condition("FAIL", window)), Inbox.resources)
    execution = pipeline.push()
    pipeline.condition_becomes("Gate", "beforeEntry", "InProgress")
    pipeline.api.stop_pipeline_execution(
        pipelineName=pipeline.name, pipelineExecutionId=execution, reason="enough"
    )
    assert pipeline.end(execution) == "Stopped"
    assert pipeline.condition("Gate", "beforeEntry")["latestExecution"]["status"] == "Abandoned"
    assert pipeline.stage_status("Gate") == "Stopped"
    inbox = Inbox(pipeline)
    eventually(lambda: "STOPPED" in inbox.states(execution, "Pipeline"))
    assert inbox.states(execution, "Stage", "Gate") == ["STARTED", "STOPPING", "STOPPED"]
    stopping = inbox.of(execution, "Pipeline")[1]
    assert (stopping["state"], stopping["stop-execution-comments"]) == ("STOPPING", "enough")


def test_a_rule_has_a_time_out_and_fails_with_it(emulator: Emulator) -> None:
    window = rule("DeploymentWindow", window_from_now(emulator, 5), TimeoutInMinutes=60)
    never = rule("DeploymentWindow", window_from_now(emulator, 6), "Later")
    pipeline = gated(emulator, gate(BeforeEntry=condition("FAIL", window, never)))
    execution = pipeline.push()
    pipeline.condition_becomes("Gate", "beforeEntry", "InProgress")
    assert emulator.local("POST", "clock", forward="3601")[0] == 200
    assert pipeline.end(execution) == "Failed"
    runs = pipeline.rules(execution)
    error = runs["DeploymentWindow"]["output"]["executionResult"]["errorDetails"]
    assert error == {"code": "TimedOut", "message": "The rule did not end within 60 minutes."}
    # One failed rule fails the condition; nobody waits for the others.
    assert runs["Later"]["status"] == "Abandoned"


ALARM = {
    "Alarm": {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "MetricName": "errors",
            "Namespace": "test",
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Period": 60,
            "Statistic": "Sum",
            "Threshold": 1,
        },
    }
}


def set_alarm(pipeline: Pipeline, state: str) -> None:
    resources = pipeline.emulator.client("cloudformation").list_stack_resources(
        StackName=pipeline.stack
    )["StackResourceSummaries"]
    name = next(
        each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "Alarm"
    )
    pipeline.emulator.client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue=state, StateReason="a test"
    )


def alarm_rule(**configuration: str) -> Any:
    return rule("CloudWatchAlarm", {"AlarmName": {"Ref": "Alarm"}, **configuration})


def test_an_alarm_keeps_executions_out_until_it_ends(emulator: Emulator) -> None:
    stage = gate(BeforeEntry=condition("FAIL", alarm_rule(WaitTime="30")))
    pipeline = gated(emulator, stage, ALARM)
    set_alarm(pipeline, "ALARM")
    execution = pipeline.push()

    def is_looked_at() -> bool:
        run = pipeline.rules(execution).get("CloudWatchAlarm", {"output": {}})
        return "is in state ALARM" in str(run["output"])

    eventually(is_looked_at)
    assert pipeline.condition("Gate", "beforeEntry")["latestExecution"]["status"] == "InProgress"
    set_alarm(pipeline, "OK")
    pipeline.pass_gate(execution)

    set_alarm(pipeline, "ALARM")
    late = pipeline.push()
    eventually(lambda: "CloudWatchAlarm" in pipeline.rules(late))
    emulator.local("POST", "clock", forward="1801")
    assert pipeline.end(late) == "Failed"
    summary = pipeline.condition("Gate", "beforeEntry")["latestExecution"]["summary"]
    assert "is in state ALARM" in summary


def test_an_alarm_after_the_stage_fails_it(emulator: Emulator) -> None:
    stage = gate(OnSuccess=condition("FAIL", alarm_rule(WaitTime="10")))
    pipeline = gated(emulator, stage, ALARM)
    quiet = pipeline.push()
    pipeline.pass_gate(quiet)
    pipeline.condition_becomes("Gate", "onSuccess", "InProgress")
    emulator.local("POST", "clock", forward="601")
    assert pipeline.end(quiet) == "Succeeded"

    alarmed = pipeline.push()
    pipeline.pass_gate(alarmed)
    pipeline.condition_becomes("Gate", "onSuccess", "InProgress")
    set_alarm(pipeline, "ALARM")
    assert pipeline.end(alarmed) == "Failed"


def test_an_alarm_that_does_not_exist_fails_its_rule(emulator: Emulator) -> None:
    missing = rule("CloudWatchAlarm", {"AlarmName": "nowhere"})
    pipeline = gated(emulator, gate(BeforeEntry=condition("FAIL", missing)))
    execution = pipeline.push()
    assert pipeline.end(execution) == "Failed"
    error = pipeline.rules(execution)["CloudWatchAlarm"]["output"]["executionResult"][
        "errorDetails"
    ]
    assert error["code"] == "ConfigurationError"
    assert "nowhere does not exist" in error["message"]


FUNCTION = """
import json, boto3
def handler(event, context):
    job = event["CodePipeline.job"]
    wanted = job["data"]["actionConfiguration"]["configuration"]["UserParameters"]
    client = boto3.client("codepipeline")
    if wanted == "no":
        details = {"type": "JobFailed", "message": "not on my watch"}
        client.put_job_failure_result(jobId=job["id"], failureDetails=details)
    else:
        assert job["data"]["inputArtifacts"][0]["name"] == "Source"
        client.put_job_success_result(jobId=job["id"])
"""


@pytest.mark.parametrize(("wanted", "status"), [("yes", "Succeeded"), ("no", "Failed")])
def test_a_function_decides_as_a_rule(emulator: Emulator, wanted: str, status: str) -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/function",
            "Code": {"ZipFile": FUNCTION},
            "Timeout": 20,
        },
    }
    decides = rule(
        "LambdaInvoke",
        {"FunctionName": {"Ref": "Function"}, "UserParameters": wanted},
        InputArtifacts=[{"Name": "Source"}],
    )
    stage = gate(BeforeEntry=condition("SKIP", decides))
    pipeline = gated(emulator, stage, {"Function": function})
    execution = pipeline.push()
    pipeline.condition_becomes("Gate", "beforeEntry", status)
    assert ("not on my watch" in str(pipeline.rules(execution)["LambdaInvoke"]["output"])) is (
        wanted == "no"
    )
    if wanted == "no":
        assert pipeline.end(execution) == "Succeeded"
        assert pipeline.stage_status("Gate") == "Skipped"


def test_a_rule_with_an_undefined_variable_fails(emulator: Emulator) -> None:
    undefined = {**EQUAL, "Variable": "#{SourceVariables.Nonsense}"}
    pipeline = gated(emulator, gate(BeforeEntry=condition("FAIL", check(undefined))))
    execution = pipeline.push()
    assert pipeline.end(execution) == "Failed"
    result = pipeline.rules(execution)["Branch"]["output"]["executionResult"]
    assert result["errorDetails"]["code"] == "ConfigurationError"


def test_a_failure_condition_engages_only_if_it_is_not_met(emulator: Emulator) -> None:
    for configuration, status in ((OTHER, "Skipped"), (EQUAL, "Failed")):
        pipeline = with_three(emulator, gate(OnFailure=condition("SKIP", check(configuration))))
        execution = pipeline.push()
        pipeline.pass_gate(execution, "Rejected")
        eventually(lambda p=pipeline, s=status: p.stage_status("Gate") == s)
        if status == "Skipped":
            pipeline.answer("After", pipeline.token("After", execution), name="Last")
            assert pipeline.end(execution) == "Succeeded"
        else:
            assert pipeline.end(execution) == "Failed"
