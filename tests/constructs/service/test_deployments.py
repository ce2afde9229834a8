from typing import Any

import pytest
from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_

from container_pipelines import (
    CodeDeployBlueGreen,
    EcsBlueGreen,
    Engine,
    HookStage,
    HttpProbe,
    Pause,
    TrafficShift,
    ValidationHook,
)

GROUP = ec2.SecurityGroup.from_security_group_id(Stack(), "Group", "sg-0f1e2d3c")


def test_each_says_its_engine() -> None:
    assert EcsBlueGreen().engine == Engine.ECS
    assert CodeDeployBlueGreen().engine == Engine.CODE_DEPLOY


def test_by_default_ten_percent_move_every_minute() -> None:
    for deployment in (EcsBlueGreen(), CodeDeployBlueGreen()):
        assert deployment.traffic_shift.kind == "linear"
        assert deployment.traffic_shift.percent == 10
        assert deployment.traffic_shift.duration.to_minutes() == 9
    assert EcsBlueGreen().shift_and_bake.to_minutes() == 14
    assert CodeDeployBlueGreen().termination_wait.to_minutes() == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bake_time": Duration.minutes(1441)}, "'ecs_blue_green.bake_time' must be from 0"),
        ({"bake_time": Duration.seconds(30)}, "'ecs_blue_green.bake_time' .* whole minutes"),
        ({"traffic_shift": TrafficShift.linear(1)}, "'traffic_shift.linear.percent'"),
        ({"live_group": "RED"}, "live_group' must be one of LiveGroup.BLUE, .* string 'RED'"),
        (
            {
                "traffic_shift": TrafficShift.canary(10, Duration.minutes(1440)),
                "bake_time": Duration.minutes(600),
            },
            "'ecs_blue_green' must take at most 1 day 9 hours .* got 1 day 10 hours; CloudForm",
        ),
    ],
)
def test_what_ecs_does_not_take_is_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EcsBlueGreen(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"termination_wait": Duration.days(3)}, "'code_deploy_blue_green.termination_wait'"),
        (
            {"approval_wait": Duration.minutes(0)},
            "'code_deploy_blue_green.approval_wait' must be from 1 minute .* do not wait",
        ),
        ({"approval_wait": Duration.minutes(2881)}, "'code_deploy_blue_green.approval_wait'"),
        ({"traffic_shift": TrafficShift.linear(3.5)}, "whole and from 1 to 99 for CodeDeploy"),
        ({"hooks": [HttpProbe(), HttpProbe(path="/")]}, "one at each stage, got 2 at TEST_TRAFFIC"),
        ({"live_group": ""}, "live_group' must be one of"),
    ],
)
def test_what_code_deploy_does_not_take_is_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CodeDeployBlueGreen(**options)


@pytest.mark.parametrize("deployment", [EcsBlueGreen, CodeDeployBlueGreen])
def test_an_alarm_is_named_once(deployment: Any, alarm: cloudwatch.IAlarm) -> None:
    assert deployment(alarms=[alarm]).alarms == (alarm,)
    with pytest.raises(ValueError, match="must name each alarm once, got 'errors' more than once"):
        deployment(alarms=[alarm, alarm])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": Duration.minutes(0)}, "'pause.timeout' must be from 1 minute to 14 days"),
        ({"timeout": Duration.days(15)}, "'pause.timeout'"),
        (
            {"timeout": Duration.minutes(5), "on_timeout": "STOP"},
            "'pause.on_timeout' must be one of OnTimeout.ROLLBACK, .* string 'STOP'",
        ),
    ],
)
def test_a_pause_out_of_range_is_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Pause(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "health"}, "'http_probe.path' must be .* starts with '/'"),
        ({"status": 99}, "'http_probe.status' must be from 100 to 599, got 99"),
        ({"status": 600}, "'http_probe.status'"),
        ({"timeout": Duration.minutes(11)}, "'http_probe.timeout' must be from 1 second to 10"),
        ({"base_url": "example.com"}, "'http_probe.base_url' must be"),
        ({"base_url": "https://a.com/path"}, "'http_probe.base_url'"),
        ({"base_url": "https://user:secret@a.com"}, "'http_probe.base_url'"),
        ({"security_groups": [GROUP]}, "'http_probe.security_groups' must be given with 'vpc'"),
    ],
)
def test_a_probe_out_of_range_is_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HttpProbe(**options)


def test_each_stage_has_a_name_in_both_engines(function: lambda_.Function) -> None:
    hook = ValidationHook(function=function, at=HookStage.AFTER_PRODUCTION_TRAFFIC)
    assert hook.at.lifecycle_event == "AfterAllowTraffic"
    assert [stage.lifecycle_event for stage in HookStage] == [
        "BeforeInstall",
        "AfterInstall",
        "AfterAllowTestTraffic",
        "AfterAllowTraffic",
    ]
    assert [stage.lifecycle_stage.value for stage in HookStage] == [
        "PRE_SCALE_UP",
        "POST_SCALE_UP",
        "POST_TEST_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
    ]
