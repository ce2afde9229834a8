"""Execution modes, variables, transitions, approvals, and updates of a pipeline that runs."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.delivery import action, approval
from tests.local.emulator.driver import ACCOUNT, REGION, Emulator, eventually, queue
from tests.local.emulator.pipeline import Inbox, Pipeline, approvals, gate, gated

WHERE = {"stageName": "Gate", "transitionType": "Inbound"}


def waiting(pipeline: Pipeline) -> list[str]:
    return [each["pipelineExecutionId"] for each in pipeline.stage("Gate")["inboundExecutions"]]


def test_behind_a_disabled_transition_only_the_newest_goes_on(emulator: Emulator) -> None:
    pipeline = approvals(emulator)
    pipeline.api.disable_stage_transition(pipelineName=pipeline.name, reason="freeze", **WHERE)
    shown = pipeline.stage("Gate")["inboundTransitionState"]
    assert (shown["enabled"], shown["disabledReason"]) == (False, "freeze")
    first = pipeline.push()
    eventually(lambda: waiting(pipeline) == [first])
    newest = pipeline.push()
    assert pipeline.end(first) == "Superseded"
    assert waiting(pipeline) == [newest]
    pipeline.api.enable_stage_transition(pipelineName=pipeline.name, **WHERE)
    assert pipeline.token("Gate", newest)


def test_queued_executions_all_go_on_when_the_transition_is_enabled(emulator: Emulator) -> None:
    pipeline = approvals(emulator, ExecutionMode="QUEUED")
    pipeline.api.disable_stage_transition(pipelineName=pipeline.name, reason="freeze", **WHERE)
    executions = []
    for _ in range(3):
        executions.append(pipeline.push())
        eventually(lambda: waiting(pipeline) == executions)
    pipeline.api.enable_stage_transition(pipelineName=pipeline.name, **WHERE)
    for execution in executions:
        pipeline.pass_gate(execution)


def test_a_template_disables_and_enables_transitions(emulator: Emulator) -> None:
    frozen = [{"StageName": "Gate", "Reason": "until Monday"}]
    pipeline = approvals(emulator, DisableInboundStageTransitions=frozen)
    execution = pipeline.push()
    eventually(lambda: waiting(pipeline))
    assert pipeline.stage("Gate")["inboundTransitionState"]["disabledReason"] == "until Monday"
    # The structure is the same, so the execution that waits goes on.
    pipeline.update(DisableInboundStageTransitions=None)
    assert pipeline.stage("Gate")["inboundTransitionState"]["enabled"]
    assert pipeline.token("Gate", execution)


@pytest.mark.parametrize("mode", ["QUEUED", "PARALLEL"])
def test_no_more_than_fifty_executions_are_active(emulator: Emulator, mode: str) -> None:
    pipeline = approvals(emulator, ExecutionMode=mode)
    pipeline.api.disable_stage_transition(pipelineName=pipeline.name, reason="freeze", **WHERE)
    emulator.push(pipeline.repository, {"a": "b"})
    started = [pipeline.start() for _ in range(49)]
    with pytest.raises(ClientError, match="ConcurrentPipelineExecutionsLimitExceededException"):
        pipeline.start()
    # A push is not refused, it starts nothing.
    assert emulator.push(pipeline.repository, {"a": "c"})[1] == []
    pipeline.api.stop_pipeline_execution(
        pipelineName=pipeline.name, pipelineExecutionId=started[-1], abandon=True
    )
    assert pipeline.end(started[-1]) == "Stopped"
    assert pipeline.start()
    emulator.client("cloudformation").delete_stack(StackName=pipeline.stack)


def test_an_update_cancels_what_runs_and_what_waits(emulator: Emulator) -> None:
    pipeline = approvals(emulator, resources=Inbox.resources)
    running = pipeline.push()
    token = pipeline.token("Gate", running)
    behind = pipeline.push()
    eventually(lambda: waiting(pipeline) == [behind])
    pipeline.update(ExecutionMode="QUEUED")
    assert pipeline.end(behind) == "Cancelled"
    # The action that runs is let finish.
    assert pipeline.status(running) == "InProgress"
    pipeline.answer("Gate", token)
    assert pipeline.end(running) == "Cancelled"
    assert "was updated" in pipeline.execution(running)["statusSummary"]
    inbox = Inbox(pipeline)
    eventually(lambda: "CANCELED" in inbox.states(running, "Pipeline"))
    assert pipeline.token("Gate", pipeline.push())


def test_an_update_does_not_touch_parallel_executions(emulator: Emulator) -> None:
    pipeline = approvals(emulator, ExecutionMode="PARALLEL")
    execution = pipeline.push()
    token = pipeline.token("Gate", execution)
    pipeline.update(ExecutionMode="QUEUED")
    pipeline.answer("Gate", token)
    pipeline.answer("After", pipeline.token("After", execution), name="Last")
    assert pipeline.end(execution) == "Succeeded"


def with_variables(emulator: Emulator, **kwargs: Any) -> Pipeline:
    show = approval() | {"Configuration": {"CustomData": "#{variables.who} #{variables.what}"}}
    variables = [{"Name": "who"}, {"Name": "what", "DefaultValue": "waits"}]
    return Pipeline(emulator, {"Gate": [show]}, Variables=variables, **kwargs)


def test_variables_have_values_given_or_by_default(emulator: Emulator) -> None:
    pipeline = with_variables(emulator)
    assert emulator.push(pipeline.repository, {"a": "b"})[1] == []  # who has no value
    execution = pipeline.start(variables=[{"name": "who", "value": "somebody"}])
    pipeline.token("Gate", execution)
    assert pipeline.execution(execution)["variables"] == [
        {"name": "who", "resolvedValue": "somebody"},
        {"name": "what", "resolvedValue": "waits"},
    ]
    state = pipeline.stage("Gate")["actionStates"][0]["latestExecution"]
    assert state["summary"] == "somebody waits"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ([], "who has no default"),
        ([{"name": "where", "value": "here"}], "declares no variable where"),
        ([{"name": "who", "value": "x" * 1001}], "length less than or equal to 1000"),
    ],
)
def test_wrong_values_start_nothing(
    emulator: Emulator, variables: list[dict[str, str]], message: str
) -> None:
    pipeline = with_variables(emulator)
    request = {"name": pipeline.name, **({"variables": variables} if variables else {})}
    body = json.dumps(request).encode()
    # Not through boto3, which refuses some of it on its own.
    status, answer, _ = emulator.http(
        *("POST", "/", body),
        {
            "X-Amz-Target": "CodePipeline_20150709.StartPipelineExecution",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/"
            "codepipeline/aws4_request, SignedHeaders=host, Signature=none",
        },
    )
    assert status == 400
    assert message in str(answer)
    assert pipeline.executions() == []


def test_a_rule_starts_a_pipeline_with_variables(emulator: Emulator) -> None:
    given = {"variables": [{"name": "who", "value": "a rule"}]}
    target = {
        "Id": "pipeline",
        "Arn": {"Fn::Sub": f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:${{Pipeline}}"},
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/anything",
    }

    def rule(source: str, **more: Any) -> dict[str, Any]:
        pattern = {"source": [source]}
        properties = {"EventPattern": pattern, "Targets": [{**target, **more}]}
        return {"Type": "AWS::Events::Rule", "Properties": properties}

    named = emulator.new_name("own.source")
    resources = {
        "Good": rule(named, Input=json.dumps(given)),
        "Without": rule(named + ".bare"),
        "Odd": rule(named + ".odd", Input="[1]"),
    }
    pipeline = with_variables(emulator, resources=resources)
    events = emulator.client("events")
    for source in (named + ".bare", named + ".odd", named):
        entry = {"Source": source, "DetailType": "x", "Detail": "{}"}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    (started,) = eventually(pipeline.executions)
    assert started["trigger"]["triggerType"] == "CloudWatchEvent"
    shown = pipeline.execution(started["pipelineExecutionId"])["variables"]
    assert {"name": "who", "resolvedValue": "a rule"} in shown


def test_an_approval_times_out(emulator: Emulator) -> None:
    pipeline = gated(emulator, gate(5))
    execution = pipeline.push()
    token = pipeline.token("Gate", execution)
    emulator.local("POST", "clock", forward="301")
    assert pipeline.end(execution) == "Failed"
    assert pipeline.error(execution, "Approve") == {
        "code": "TimedOut",
        "message": "Nobody approved within 5 minutes.",
    }
    with pytest.raises(ClientError, match="InvalidApprovalTokenException"):
        pipeline.answer("Gate", token)


def test_an_approval_notifies_and_shows_what_it_is_about(emulator: Emulator) -> None:
    configuration = {
        "NotificationArn": {"Ref": "Topic"},
        "CustomData": "look at it",
        "ExternalEntityLink": "https://example.com/it",
    }
    ask = action("Approval", "Manual", configuration, name="Approve", TimeoutInMinutes=60)
    resources = {
        **Inbox.resources,
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "Topic"},
                "Protocol": "sqs",
                "Endpoint": {"Fn::GetAtt": ["Mail", "Arn"]},
            },
        },
        **queue("Mail"),
    }
    pipeline = Pipeline(emulator, {"Gate": [ask]}, resources)
    execution = pipeline.push()
    token = pipeline.token("Gate", execution)
    stacked = emulator.client("cloudformation").list_stack_resources(StackName=pipeline.stack)
    url = next(
        each["PhysicalResourceId"]
        for each in stacked["StackResourceSummaries"]
        if each["LogicalResourceId"] == "Mail"
    )
    sqs = emulator.client("sqs")
    (received,) = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    mail = json.loads(received["Body"])
    assert mail["Subject"] == f"APPROVAL NEEDED: {pipeline.name} action Approve"
    message = json.loads(mail["Message"])
    assert message["region"] == REGION
    assert message["consoleLink"].endswith(f"/view/{pipeline.name}")
    asked = message["approval"]
    expires = time.strptime(asked.pop("expires"), "%Y-%m-%dT%H:%MZ")
    now = emulator.local("GET", "clock")[1]["now"]
    assert 58 * 60 < time.mktime(expires) - time.mktime(time.gmtime(now)) <= 60 * 60
    assert asked.pop("approvalReviewLink").endswith(f"/Gate/Approve/approve/{token}")
    assert asked == {
        "pipelineName": pipeline.name,
        "stageName": "Gate",
        "actionName": "Approve",
        "token": token,
        "externalEntityLink": "https://example.com/it",
        "customData": "look at it",
    }
    state = pipeline.stage("Gate")["actionStates"][0]
    assert state["entityUrl"] == "https://example.com/it"
    assert state["latestExecution"]["summary"] == "look at it"


def test_an_answer_must_be_for_the_approval_that_it_names(emulator: Emulator) -> None:
    pipeline, other = approvals(emulator), approvals(emulator)
    token = pipeline.token("Gate", pipeline.push())
    other.token("Gate", other.push())
    with pytest.raises(ClientError, match="InvalidApprovalTokenException"):
        other.answer("Gate", token)
    with pytest.raises(ClientError, match="ActionNotFoundException"):
        pipeline.answer("Gate", token, name="Last")
    with pytest.raises(ClientError, match="ValidationException"):
        pipeline.answer("Gate", token, "Perhaps")
    pipeline.answer("Gate", token)


@pytest.mark.parametrize("forward", ["", "soon", "0", "-5", "inf", "nan"])
def test_the_clock_only_goes_forward(emulator: Emulator, forward: str) -> None:
    before = emulator.local("GET", "clock")[1]["now"]
    assert emulator.local("POST", "clock", forward=forward)[0] == 400
    assert 0 <= emulator.local("GET", "clock")[1]["now"] - before < 60
