from collections import Counter
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk.assertions import Template

from container_pipelines import (
    AlarmName,
    AlertTopic,
    AnomalyBand,
    PipelineAlarms,
    SlackNotifier,
    SlackWebhook,
    Threshold,
    no_notifications,
)

Watch = Callable[..., PipelineAlarms]
Alarms = Callable[[], dict[str, dict[str, Any]]]
Resources = Callable[[str], dict[str, dict[str, Any]]]

DEFAULTS = {
    "web-failed-releases": ("AWS/CodePipeline", "FailedPipelineExecutions", "Sum", 1, 300, 1, None),
    "web-release-duration": ("AWS/CodePipeline", "PipelineDuration", "Maximum", 3600, 300, 1, None),
    "web-failed-builds": ("AWS/CodeBuild", "FailedBuilds", "Sum", 1, 300, 1, None),
    "web-build-duration": ("AWS/CodeBuild", "Duration", "Maximum", 1500, 300, 1, None),
    "web-unhealthy-targets": ("AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", 1, 60, 3, 2),
    "web-unhealthy-targets-2": ("AWS/ApplicationELB", "UnHealthyHostCount", "Maximum", 1, 60, 3, 2),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults(watch: Watch, alarms: Alarms, name: str) -> None:
    watch()
    alarm = alarms()[name]
    namespace, metric, statistic, value, period, periods, datapoints = DEFAULTS[name]
    assert alarm["Namespace"] == namespace
    assert alarm["MetricName"] == metric
    assert alarm["Statistic"] == statistic
    assert alarm["Threshold"] == value
    assert alarm["Period"] == period
    assert alarm["EvaluationPeriods"] == periods
    assert alarm.get("DatapointsToAlarm") == datapoints
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmDescription"].startswith("web: ")


def dimensions(alarm: dict[str, Any]) -> dict[str, str]:
    return {entry["Name"]: entry["Value"] for entry in alarm["Dimensions"]}


def test_alarms_watch_their_own_resources(watch: Watch, alarms: Alarms) -> None:
    watch()
    made = alarms()
    assert dimensions(made["web-failed-releases"]) == {"PipelineName": "my-container-app"}
    assert dimensions(made["web-build-duration"]) == {"ProjectName": "my-container-app"}
    for number, group in (("", "blue"), ("-2", "green")):
        assert dimensions(made[f"web-unhealthy-targets{number}"]) == {
            "LoadBalancer": "app/web/1",
            "TargetGroup": f"targetgroup/{group}/1",
        }


def math(alarm: dict[str, Any]) -> tuple[str, dict[str, tuple[str, str, dict[str, str]]]]:
    (expression,) = [metric["Expression"] for metric in alarm["Metrics"] if metric["ReturnData"]]
    return expression, {
        metric["Id"]: (
            metric["MetricStat"]["Metric"]["MetricName"],
            metric["MetricStat"]["Stat"],
            dimensions(metric["MetricStat"]["Metric"]),
        )
        for metric in alarm["Metrics"]
        if "MetricStat" in metric
    }


def test_missing_tasks(watch: Watch, alarms: Alarms) -> None:
    watch()
    alarm = alarms()["web-missing-tasks"]
    expression, metrics = math(alarm)
    service = {"ClusterName": "my-cluster", "ServiceName": "my-service"}
    assert expression == "desired - running"
    assert metrics == {
        "desired": ("DesiredTaskCount", "Average", service),
        "running": ("RunningTaskCount", "Average", service),
    }
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 10)
    # Without Container Insights there is no data, and the alarm says so.
    assert alarm["TreatMissingData"] == "missing"


def test_server_errors_of_both_target_groups_together(watch: Watch, alarms: Alarms) -> None:
    watch()
    alarm = alarms()["web-server-errors"]
    expression, metrics = math(alarm)
    assert {(name, on["TargetGroup"]) for name, _, on in metrics.values()} == {
        (name, f"targetgroup/{group}/1")
        for name in ("HTTPCode_Target_5XX_Count", "RequestCount")
        for group in ("blue", "green")
    }
    requests = "FILL(r0, 0) + FILL(r1, 0)"
    errors = "FILL(e0, 0) + FILL(e1, 0)"
    assert expression == f"IF(({requests}) >= 10, 100 * ({errors}) / ({requests}), 0)"
    assert (alarm["Threshold"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (5, 3, 5)


def test_one_target_group_has_one_alarm(
    watch: Watch, alarms: Alarms, everything: dict[str, Any]
) -> None:
    watch(target_groups=everything["target_groups"][:1])
    assert [name for name in alarms() if "unhealthy" in name] == ["web-unhealthy-targets"]


def test_thresholds_are_changed_and_alarms_left_out_by_name(watch: Watch, alarms: Alarms) -> None:
    changed = Threshold(value=7, period=cdk.Duration.minutes(2), periods=4, datapoints=3)
    made = watch(alarms={AlarmName.SERVER_ERRORS: changed, AlarmName.MISSING_TASKS: None})
    alarm = alarms()["web-server-errors"]
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (7, 4, 3)
    periods = {m["MetricStat"]["Period"] for m in alarm["Metrics"] if "MetricStat" in m}
    assert periods == {120}
    assert "web-missing-tasks" not in alarms()
    assert "missing-tasks" not in made.alarms


def test_what_is_usual_is_learnt_on_request(watch: Watch, alarms: Alarms) -> None:
    watch(alarms={AlarmName.UNUSUAL_DURATION: AnomalyBand(deviations=3)})
    alarm = alarms()["web-unusual-duration"]
    assert alarm["ComparisonOperator"] == "GreaterThanUpperThreshold"
    (band,) = [m for m in alarm["Metrics"] if "Expression" in m]
    assert band["Expression"].startswith("ANOMALY_DETECTION_BAND(")
    assert band["Expression"].endswith(", 3)")
    assert alarm["ThresholdMetricId"] == band["Id"]
    assert alarm["TreatMissingData"] == "notBreaching"


def test_alarms_are_there_for_the_deployments_own_rollback(watch: Watch) -> None:
    made = watch()
    assert set(made.alarms) == {
        "failed-releases",
        "release-duration",
        "failed-builds",
        "build-duration",
        "unhealthy-targets",
        "unhealthy-targets-2",
        "server-errors",
        "missing-tasks",
    }


def test_a_failed_release_is_notified_once(
    watch: Watch, stack: cdk.Stack, alarms: Alarms, everything: dict[str, Any]
) -> None:
    watch(notifications=[AlertTopic(stack, "Mail")])
    made = alarms()
    silent = {name for name, alarm in made.items() if "AlarmActions" not in alarm}
    assert silent == {"web-failed-releases", "web-failed-builds"}
    for name in made.keys() - silent:
        assert made[name]["AlarmActions"] == made[name]["OKActions"]


def test_alarms_notify_where_no_event_does(watch: Watch, stack: cdk.Stack, alarms: Alarms) -> None:
    watch(notifications=[AlertTopic(stack, "Mail")], events=[])
    assert {len(alarm["AlarmActions"]) == 1 for alarm in alarms().values()} == {True}


@pytest.mark.parametrize("notifications", [no_notifications(), [no_notifications()]])
def test_no_notifications_by_choice(
    watch: Watch, alarms: Alarms, resources: Resources, notifications: Any
) -> None:
    watch(notifications=notifications)
    assert resources("AWS::Events::Rule") == {}
    assert {"AlarmActions" in alarm for alarm in alarms().values()} == {False}


def test_pipelines_share_one_notifier_and_one_topic(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    topic = AlertTopic(stack, "Mail", emails=["a@example.com"])
    hook = SlackWebhook.from_parameter_store("/slack/hook")
    notifier = SlackNotifier(stack, "Slack", slack=hook, alarm_topic=topic.topic)
    for name in ("one", "two", "three"):
        arn = f"arn:aws:codepipeline:eu-west-1:111122223333:{name}"
        pipeline = codepipeline.Pipeline.from_pipeline_arn(stack, f"{name}Pipeline", arn)
        PipelineAlarms(stack, name, name=name, notifications=[notifier, topic], pipeline=pipeline)
    made = template(stack).to_json()["Resources"].values()
    assert Counter(resource["Type"] for resource in made) == {
        "AWS::KMS::Key": 1,
        "AWS::SNS::Topic": 1,
        "AWS::SNS::TopicPolicy": 1,
        "AWS::SNS::Subscription": 1,
        "AWS::Logs::LogGroup": 1,
        "AWS::SQS::Queue": 1,
        "AWS::SQS::QueuePolicy": 1,
        "AWS::IAM::Role": 1,
        "AWS::IAM::Policy": 1,
        "AWS::Lambda::Function": 1,
        "AWS::Lambda::Permission": 1,
        "AWS::Lambda::EventInvokeConfig": 1,
        "AWS::Lambda::EventSourceMapping": 1,
        "AWS::CloudWatch::Alarm": 2 + 3 * 2,
        # For each pipeline: releases and approvals, for both; and its alarms.
        "AWS::Events::Rule": 3 * (2 * 2 + 1),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "my app"}, r"'name' must be 1 to 200 characters: letters.*got 'my app'"),
        ({"name": ""}, r"'name' must be 1 to 200 characters"),
        ({"notifications": []}, r"'notifications' must name.*got none; give .*no_notifications"),
        (
            {"alarms": {"errors": None}},
            r"'alarms.keys\(\)' must be one of .*got the string 'errors'",
        ),
        (
            {"alarms": {AlarmName.FAILED_BUILDS: AnomalyBand()}},
            r"'alarms' must have a Threshold or None for 'failed-builds', got AnomalyBand",
        ),
        (
            {"alarms": {AlarmName.UNUSUAL_DURATION: Threshold(value=1)}},
            r"'alarms' must have a AnomalyBand or None for 'unusual-duration', got Threshold",
        ),
    ],
)
def test_bad_input(watch: Watch, stack: cdk.Stack, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        watch(**options)
    assert stack.node.try_find_child("Watch") is None


def test_nothing_to_monitor_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match=r"'pipeline', 'build'.*must be given, got none"):
        PipelineAlarms(stack, "Watch", name="web", notifications=no_notifications())


def test_more_than_two_target_groups_are_refused(
    watch: Watch,
    stack: cdk.Stack,
    make_groups: Callable[..., list[elbv2.IApplicationTargetGroup]],
) -> None:
    with pytest.raises(ValueError, match=r"'target_groups' must be at most the two.*got 3"):
        watch(target_groups=make_groups(stack, "a", "b", "c"))


def test_a_target_group_without_a_load_balancer_is_refused(watch: Watch, stack: cdk.Stack) -> None:
    lone = elbv2.ApplicationTargetGroup.from_target_group_attributes(
        stack,
        "Lone",
        target_group_arn="arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/a/1",
    )
    with pytest.raises(
        ValueError, match=r"'target_groups' must have a .*'Monitoring/Lone' without"
    ):
        watch(target_groups=[lone])


@pytest.mark.parametrize(
    "parameter", ["pipeline", "build", "service", "repository", "target_groups"]
)
def test_another_region_is_refused(
    app: cdk.App, everything: dict[str, Any], parameter: str
) -> None:
    elsewhere = cdk.Stack(
        app, "There", env=cdk.Environment(account="111122223333", region="eu-central-1")
    )
    with pytest.raises(ValueError, match=rf"'{parameter}' must be in the region.*got eu-west-1"):
        PipelineAlarms(
            elsewhere,
            "Watch",
            name="web",
            notifications=no_notifications(),
            **{parameter: everything[parameter]},
        )


def test_a_name_that_is_a_token_is_let_through(
    stack: cdk.Stack, everything: dict[str, Any]
) -> None:
    name = cdk.CfnParameter(stack, "Name").value_as_string
    made = PipelineAlarms(
        stack,
        "Watch",
        name=name,
        notifications=no_notifications(),
        service=everything["service"],
    )
    assert set(made.alarms) == {"missing-tasks"}


def test_clean_by_cdk_nag(
    watch: Watch,
    stack: cdk.Stack,
    notifier: SlackNotifier,
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    watch(notifications=[notifier, AlertTopic(stack, "Mail", emails=["a@example.com"])])
    assert nag(stack) == []
