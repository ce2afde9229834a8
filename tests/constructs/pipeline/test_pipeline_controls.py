from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_lambda as lambda_

from container_pipelines import (
    AlarmCheck,
    AlarmResponse,
    AlarmWatch,
    Approval,
    Check,
    DeploymentWindow,
    OnFailure,
    PipelineControls,
    PullRequestTrigger,
    PushTrigger,
    Source,
)

Release = Callable[..., dict[str, Any]]
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:check"


def minutes(number: int) -> cdk.Duration:
    return cdk.Duration.minutes(number)


def test_all_is_off_unless_asked_for(release: Release) -> None:
    pipeline = release()
    assert list(pipeline["Stages"]) == ["Source", "Build", "Deploy"]
    assert pipeline["ExecutionMode"] == "SUPERSEDED"
    assert pipeline["Stages"]["Source"]["Actions"][0]["Configuration"]["DetectChanges"] is True
    assert set(pipeline["Stages"]["Deploy"]) == {"Name", "Actions"}
    assert set(pipeline["Stages"]["Build"]) == {"Name", "Actions"}
    assert [variable["Name"] for variable in pipeline["Variables"]] == ["IMAGE"]
    assert not {"Triggers", "DisableInboundStageTransitions"} & set(pipeline)


def test_code_commit_takes_every_other_control(release: Release, stack: cdk.Stack) -> None:
    repository = codecommit.Repository.from_repository_name(stack, "Code", "my-app")
    pipeline = release(Source.code_commit(repository=repository), frozen="Holidays")
    assert pipeline["DisableInboundStageTransitions"]


@pytest.mark.parametrize("mode", list(codepipeline.ExecutionMode))
def test_execution_modes(release: Release, mode: codepipeline.ExecutionMode) -> None:
    assert release(execution_mode=mode)["ExecutionMode"] == mode.value


def test_variables(release: Release) -> None:
    variable = codepipeline.Variable(
        variable_name="TICKET", default_value="none", description="What for"
    )
    own, ticket = release(variables=[variable])["Variables"]
    assert (own["Name"], own["DefaultValue"]) == ("IMAGE", "new")
    assert ticket == {"Name": "TICKET", "DefaultValue": "none", "Description": "What for"}


def test_a_build_is_started_once_more(release: Release) -> None:
    assert release(retry_build=True)["Stages"]["Build"]["OnFailure"] == {
        "Result": "RETRY",
        "RetryConfiguration": {"RetryMode": "FAILED_ACTIONS"},
    }


@pytest.mark.parametrize(
    ("on_failure", "rendered"),
    [
        (OnFailure.ROLLBACK, {"Result": "ROLLBACK"}),
        (
            OnFailure.RETRY_FAILED_ACTIONS,
            {"Result": "RETRY", "RetryConfiguration": {"RetryMode": "FAILED_ACTIONS"}},
        ),
        (
            OnFailure.RETRY_ALL_ACTIONS,
            {"Result": "RETRY", "RetryConfiguration": {"RetryMode": "ALL_ACTIONS"}},
        ),
    ],
)
def test_a_failed_deployment(
    release: Release, on_failure: OnFailure, rendered: dict[str, Any]
) -> None:
    assert release(on_failure=on_failure)["Stages"]["Deploy"]["OnFailure"] == rendered


def test_a_frozen_pipeline_lets_nothing_into_its_deployment(release: Release) -> None:
    assert release(frozen="Year end (ask ops)!")["DisableInboundStageTransitions"] == [
        {"StageName": "Deploy", "Reason": "Year end (ask ops)!"}
    ]


def many(count: int) -> list[str]:
    return [f"p{number}" for number in range(count)]


VARIABLE = codepipeline.Variable(variable_name="TICKET", default_value="x")


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        (
            {"triggers": [PushTrigger(branches=[name]) for name in "abcd"]},
            "'controls.triggers' must hold at most 3 of PushTrigger, got 4",
        ),
        (
            {
                "triggers": [
                    PullRequestTrigger(deploys_unmerged_code=True, branches=[name])
                    for name in "abcd"
                ]
            },
            "'controls.triggers' must hold at most 3 of PullRequestTrigger, got 4",
        ),
        (
            {"variables": [codepipeline.Variable(variable_name="IMAGE", default_value="x")]},
            "'controls.variables' must not hold 'IMAGE', which the library keeps for itself",
        ),
        ({"variables": [VARIABLE, VARIABLE]}, "'controls.variables' .* got 'TICKET' more than"),
        (
            {
                "variables": [
                    codepipeline.Variable(variable_name=name, default_value="x")
                    for name in many(50)
                ]
            },
            "'controls.variables' must hold fewer than 50, .* got 50",
        ),
        ({"gates": [Approval(), Approval()]}, "'controls.gates' .* got 'Approve' more than once"),
        (
            {"gates": [Approval(name=name) for name in many(51)]},
            "'controls.gates' must hold at most 50, got 51",
        ),
        ({"on_failure": "EXPLODE"}, "'controls.on_failure' must be one of .* string 'EXPLODE'"),
        ({"frozen": ""}, "'controls.frozen' must be 1 to 300 characters"),
        ({"frozen": "x" * 301}, "'controls.frozen' must be 1 to 300 characters"),
        ({"frozen": "Year's end"}, "'controls.frozen' must be .* got 'Year's end'"),
        (
            {
                "execution_mode": codepipeline.ExecutionMode.PARALLEL,
                "on_failure": OnFailure.ROLLBACK,
            },
            "'controls.on_failure' must not be ROLLBACK with the execution mode PARALLEL",
        ),
    ],
)
def test_controls_that_aws_rejects(controls: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PipelineControls(**controls)


def test_rules_and_roll_backs_that_aws_rejects(
    alarm_named: Callable[[str], cloudwatch.IAlarm],
) -> None:
    alarms = [alarm_named(name) for name in many(6)]
    window = DeploymentWindow(cron="* * * ? * *")
    PipelineControls(deployment_window=window, alarms_before=AlarmCheck(alarms=alarms[:4]))
    with pytest.raises(
        ValueError, match=r"must make at most 5 rules, .* got 6; join alarms in a c"
    ):
        PipelineControls(deployment_window=window, alarms_before=AlarmCheck(alarms=alarms[:5]))
    with pytest.raises(ValueError, match=r"'controls.alarms_after' must make at most 5 rules"):
        PipelineControls(alarms_after=AlarmWatch(alarms=alarms, duration=minutes(5)))
    parallel = codepipeline.ExecutionMode.PARALLEL
    watch = AlarmWatch(alarms=alarms[:1], duration=minutes(5))
    with pytest.raises(ValueError, match=r"'controls.alarms_after.on_alarm' must not be ROLLBACK"):
        PipelineControls(execution_mode=parallel, alarms_after=watch)


def test_parallel_goes_with_what_does_not_roll_back(
    release: Release, alarm_named: Callable[[str], cloudwatch.IAlarm]
) -> None:
    pipeline = release(
        execution_mode=codepipeline.ExecutionMode.PARALLEL,
        on_failure=OnFailure.RETRY_FAILED_ACTIONS,
        alarms_after=AlarmWatch(
            alarms=[alarm_named("errors")], duration=minutes(5), on_alarm=AlarmResponse.FAIL
        ),
    )
    assert pipeline["ExecutionMode"] == "PARALLEL"


def test_tokens_are_never_checked(release: Release, stack: cdk.Stack) -> None:
    def token(name: str) -> str:
        return cdk.Token.as_string({"Ref": name})

    watch_minutes = cdk.Token.as_number({"Ref": "Minutes"})
    pipeline = release(
        triggers=[PushTrigger(branches=[token("Branch")])],
        gates=[
            Approval(link=token("Link"), message=token("Message")),
            Check(
                function=lambda_.Function.from_function_arn(stack, "Imported", FUNCTION),
                user_parameters={"a": token("A"), "b": "x" * 2000},
            ),
        ],
        deployment_window=DeploymentWindow(cron=token("Cron"), time_zone=token("Zone")),
        alarms_after=AlarmWatch(
            alarms=[cloudwatch.Alarm.from_alarm_name(stack, "Alarm", token("Alarm"))],
            duration=cdk.Duration.minutes(watch_minutes),
        ),
        frozen=token("Reason"),
    )
    push = pipeline["Triggers"][0]["GitConfiguration"]["Push"]
    assert push == [{"Branches": {"Includes": [{"Ref": "Branch"}]}}]
    approve = pipeline["Stages"]["Gate"]["Actions"][0]["Configuration"]
    assert approve == {"ExternalEntityLink": {"Ref": "Link"}, "CustomData": {"Ref": "Message"}}
    deploy = pipeline["Stages"]["Deploy"]
    rules = [deploy[where]["Conditions"][0]["Rules"][0] for where in ("BeforeEntry", "OnSuccess")]
    assert [rule["Configuration"] for rule in rules] == [
        {"Cron": {"Ref": "Cron"}, "TimeZone": {"Ref": "Zone"}},
        {"AlarmName": {"Ref": "Alarm"}, "WaitTime": {"Ref": "Minutes"}},
    ]
    assert pipeline["DisableInboundStageTransitions"][0]["Reason"] == {"Ref": "Reason"}


def test_lists_may_change_later(release: Release) -> None:
    branches, gates = ["main"], [Approval()]
    trigger, controls = PushTrigger(branches=branches), PipelineControls(gates=gates)
    branches.append("other")
    gates.append(Approval())
    assert (list(trigger.branches), len(controls.gates)) == (["main"], 1)


def test_nothing_is_left_for_a_security_check_to_find(
    stack: cdk.Stack,
    release: Release,
    alarm_named: Callable[[str], cloudwatch.IAlarm],
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    release(
        triggers=[PushTrigger()],
        gates=[Check(function=lambda_.Function.from_function_arn(stack, "Imported", FUNCTION))],
        alarms_before=AlarmCheck(alarms=[alarm_named("errors")]),
        on_failure=OnFailure.ROLLBACK,
        frozen="Holidays",
    )
    assert nag(stack) == []
