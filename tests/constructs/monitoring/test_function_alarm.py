from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from container_pipelines import AlertTopic, FunctionAlarm, SlackNotifier, no_notifications

Resources = Callable[[str], dict[str, dict[str, Any]]]


def function_of(stack: cdk.Stack) -> lambda_.IFunction:
    return lambda_.Function.from_function_name(stack, "Function", "drift")


def test_it_is_on_when_the_function_has_failed_in_each_of_three_periods(
    stack: cdk.Stack, resources: Resources
) -> None:
    made = FunctionAlarm(
        stack,
        "Drift",
        name="drift-errors",
        function=function_of(stack),
        notifications=no_notifications(),
    )
    (alarm,) = resources("AWS::CloudWatch::Alarm").values()
    assert made.alarm.node.path.startswith("Monitoring/Drift")
    assert alarm["AlarmName"] == "drift-errors"
    assert (alarm["MetricName"], alarm["Namespace"]) == ("Errors", "AWS/Lambda")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "drift"}]
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Threshold"]) == (300, 3, 1)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert "AlarmActions" not in alarm


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
