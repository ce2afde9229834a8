from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from container_pipelines import AlertTopic, FunctionAlarm, SlackNotifier, no_notifications

Resources = Callable[[str], dict[str, dict[str, Any]]]


def function_of(stack: cdk.Stack) -> lambda_.IFunction:
    return lambda_.Function.from_function_name(stack, "Function", "drift")


@pytest.mark.parametrize(("minutes", "period"), [(None, 600), (5, 600), (15, 1800), (60, 7200)])
def test_it_is_on_when_the_function_has_failed_in_two_periods_that_each_have_a_run(
    stack: cdk.Stack, resources: Resources, minutes: int | None, period: int
) -> None:
    made = FunctionAlarm(
        stack,
        "Drift",
        name="drift-errors",
        function=function_of(stack),
        notifications=no_notifications(),
        interval=cdk.Duration.minutes(minutes) if minutes else None,
    )
    (alarm,) = resources("AWS::CloudWatch::Alarm").values()
    assert made.alarm.node.path.startswith("Monitoring/Drift")
    assert alarm["AlarmName"] == "drift-errors"
    assert (alarm["MetricName"], alarm["Namespace"]) == ("Errors", "AWS/Lambda")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "drift"}]
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Threshold"]) == (period, 2, 1)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert "AlarmActions" not in alarm


@pytest.mark.parametrize(
    "interval", [cdk.Duration.seconds(90), cdk.Duration.hours(13), cdk.Duration.minutes(0)]
)
def test_an_interval_must_fit(stack: cdk.Stack, interval: cdk.Duration) -> None:
    with pytest.raises(ValueError, match="'interval' must be from 1 minute to 12 hours in whole"):
        FunctionAlarm(
            stack,
            "Drift",
            name="drift-errors",
            function=function_of(stack),
            notifications=no_notifications(),
            interval=interval,
        )


def test_every_channel_has_it_notified(
    stack: cdk.Stack, notifier: SlackNotifier, resources: Resources
) -> None:
    topic = AlertTopic(stack, "Mail")
    FunctionAlarm(
        stack,
        "Drift",
        name="drift-errors",
        function=function_of(stack),
        notifications=[notifier, topic],
    )
    (alarm,) = (
        alarm
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if alarm.get("AlarmName") == "drift-errors"
    )
    assert len(alarm["AlarmActions"]) == len(alarm["OKActions"]) == 1
    (rule,) = resources("AWS::Events::Rule").values()
    assert rule["EventPattern"]["detail"]["alarmName"] == ["drift-errors"]
