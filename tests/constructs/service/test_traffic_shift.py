from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import Duration
from aws_cdk import aws_ecs as ecs
from aws_cdk.assertions import Template

from container_pipelines import TrafficShift

linear, canary, all_at_once = TrafficShift.linear, TrafficShift.canary, TrafficShift.all_at_once


def minutes(number: float) -> Duration:
    return Duration.minutes(number)


@pytest.mark.parametrize(
    ("shift", "name"),
    [
        (all_at_once(), "CodeDeployDefault.ECSAllAtOnce"),
        (linear(), "CodeDeployDefault.ECSLinear10PercentEvery1Minutes"),
        (linear(10, Duration.seconds(180)), "CodeDeployDefault.ECSLinear10PercentEvery3Minutes"),
        (canary(), "CodeDeployDefault.ECSCanary10Percent5Minutes"),
        (canary(10, minutes(15)), "CodeDeployDefault.ECSCanary10Percent15Minutes"),
    ],
)
def test_code_deploys_own_configurations_are_taken_where_one_matches(
    shift: TrafficShift, name: str
) -> None:
    stack = cdk.Stack()
    assert shift.code_deploy_config(stack).deployment_config_name == name
    Template.from_stack(stack).resource_count_is("AWS::CodeDeploy::DeploymentConfig", 0)


@pytest.mark.parametrize(
    ("shift", "routing"),
    [
        (
            linear(20, minutes(2)),
            {
                "Type": "TimeBasedLinear",
                "TimeBasedLinear": {"LinearInterval": 2, "LinearPercentage": 20},
            },
        ),
        (
            canary(1, minutes(2880)),
            {
                "Type": "TimeBasedCanary",
                "TimeBasedCanary": {"CanaryInterval": 2880, "CanaryPercentage": 1},
            },
        ),
    ],
)
def test_any_other_becomes_a_configuration_of_its_own(
    shift: TrafficShift, routing: dict[str, Any]
) -> None:
    stack = cdk.Stack()
    shift.code_deploy_config(stack)
    Template.from_stack(stack).has_resource_properties(
        "AWS::CodeDeploy::DeploymentConfig",
        {"ComputePlatform": "ECS", "TrafficRoutingConfig": routing},
    )


@pytest.mark.parametrize(
    ("shift", "strategy"),
    [
        (all_at_once(), ecs.DeploymentStrategy.BLUE_GREEN),
        (linear(3, minutes(0)), ecs.DeploymentStrategy.LINEAR),
        (linear(33.3, minutes(1440)), ecs.DeploymentStrategy.LINEAR),
        (canary(0.1, minutes(1440)), ecs.DeploymentStrategy.CANARY),
        (canary(100), ecs.DeploymentStrategy.CANARY),
    ],
)
def test_ecs_has_a_strategy_for_each(shift: TrafficShift, strategy: ecs.DeploymentStrategy) -> None:
    assert shift.strategy() == strategy


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (all_at_once(), 0),
        (linear(), 9),
        (linear(11, minutes(2)), 18),
        (linear(33.3, minutes(1)), 3),
        (linear(100, minutes(7)), 0),
        (linear(12.5, minutes(1)), 7),
        (canary(10, minutes(7)), 7),
    ],
)
def test_how_long_it_takes_from_the_first_step_to_the_last(
    shift: TrafficShift, expected: int
) -> None:
    assert shift.duration.to_minutes() == expected


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (linear, (0,), "'traffic_shift.linear.percent' must be above 0 and at most 100, got 0"),
        (linear, (101,), "got 101; omit it to move 10 percent every minute"),
        (linear, (-1,), "got -1"),
        (canary, (0,), "'traffic_shift.canary.percent'"),
        (linear, (10, Duration.seconds(90)), "'traffic_shift.linear.every' .* whole minutes"),
        (canary, (10, Duration.days(3)), "'traffic_shift.canary.bake' must be from 0 minutes to"),
    ],
)
def test_what_no_engine_takes_is_rejected(make: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(*arguments)


@pytest.mark.parametrize(
    ("shift", "message"),
    [
        (linear(2.9), "'traffic_shift.linear.percent' must be from 3.0 to 100, got 2.9"),
        (canary(0.05), "'traffic_shift.canary.percent' must be from 0.1 to 100, got 0.05"),
        (linear(10.05), "must be a multiple of 0.1 for ECS, got 10.05"),
        (
            linear(10, minutes(1441)),
            "'traffic_shift.linear.interval' must be from 0 minutes to 1 d",
        ),
        (canary(10, minutes(1441)), "'traffic_shift.canary.interval'"),
    ],
)
def test_what_ecs_does_not_take_is_rejected(shift: TrafficShift, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shift.strategy()


@pytest.mark.parametrize(
    ("shift", "message"),
    [
        (linear(0.5), "must be whole and from 1 to 99 for CodeDeploy, got 0.5"),
        (linear(33.3), "got 33.3; round it, or take TrafficShift.all_at_once"),
        (canary(100), "got 100"),
        (linear(10, minutes(0)), "'traffic_shift.linear.interval' must be from 1 minute"),
        (linear(1, minutes(30)), "must take at most 2 days from the first step to the last"),
    ],
)
def test_what_code_deploy_does_not_take_is_rejected(shift: TrafficShift, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shift.code_deploy_config(cdk.Stack())


def test_tokens_are_not_checked() -> None:
    percent = cdk.Token.as_number({"Ref": "Percent"})
    every = Duration.minutes(cdk.Token.as_number({"Ref": "Every"}))
    shift = linear(percent, every)
    assert shift.strategy() == ecs.DeploymentStrategy.LINEAR
    shift.code_deploy_config(cdk.Stack())
    assert shift.duration.to_minutes() == 0
