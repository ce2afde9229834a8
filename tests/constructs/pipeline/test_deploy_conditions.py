from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from container_pipelines import (
    AlarmCheck,
    AlarmResponse,
    AlarmWatch,
    DeploymentWindow,
)

Statements = Callable[[cdk.Stack, str], list[dict[str, Any]]]
Release = Callable[..., dict[str, Any]]


def minutes(number: int) -> cdk.Duration:
    return cdk.Duration.minutes(number)


def test_a_deployment_waits_for_its_window_and_for_healthy_alarms(
    release: Release, alarm_named: Callable[[str], cloudwatch.IAlarm]
) -> None:
    pipeline = release(
        deployment_window=DeploymentWindow(
            cron="* * 9-16 ? * MON-THU *", time_zone="Europe/Berlin"
        ),
        alarms_before=AlarmCheck(
            alarms=[alarm_named("errors"), alarm_named("latency")], wait=minutes(20)
        ),
    )

    def rule(name: str, provider: str, configuration: dict[str, str]) -> dict[str, Any]:
        return {
            "Name": name,
            "RuleTypeId": {
                "Category": "Rule",
                "Owner": "AWS",
                "Provider": provider,
                "Version": "1",
            },
            "Configuration": configuration,
        }

    assert pipeline["Stages"]["Deploy"]["BeforeEntry"] == {
        "Conditions": [
            {
                "Result": "FAIL",
                "Rules": [
                    rule(
                        "DeploymentWindow",
                        "DeploymentWindow",
                        {"Cron": "* * 9-16 ? * MON-THU *", "TimeZone": "Europe/Berlin"},
                    ),
                    rule(
                        "HealthyBefore1",
                        "CloudWatchAlarm",
                        {"AlarmName": "errors", "WaitTime": "20"},
                    ),
                    rule(
                        "HealthyBefore2",
                        "CloudWatchAlarm",
                        {"AlarmName": "latency", "WaitTime": "20"},
                    ),
                ],
            }
        ]
    }
    assert "OnSuccess" not in pipeline["Stages"]["Deploy"]


@pytest.mark.parametrize("response", list(AlarmResponse))
def test_alarms_are_watched_after_a_deployment(
    release: Release, alarm_named: Callable[[str], cloudwatch.IAlarm], response: AlarmResponse
) -> None:
    watch = AlarmWatch(alarms=[alarm_named("errors")], duration=minutes(10), on_alarm=response)
    (condition,) = release(alarms_after=watch)["Stages"]["Deploy"]["OnSuccess"]["Conditions"]
    assert condition["Result"] == response.value
    (rule,) = condition["Rules"]
    assert (rule["Name"], rule["Configuration"]) == (
        "HealthyAfter1",
        {"AlarmName": "errors", "WaitTime": "10"},
    )


def test_without_a_wait_aws_decides(
    release: Release, alarm_named: Callable[[str], cloudwatch.IAlarm]
) -> None:
    pipeline = release(alarms_before=AlarmCheck(alarms=[alarm_named("errors")]))
    (condition,) = pipeline["Stages"]["Deploy"]["BeforeEntry"]["Conditions"]
    assert condition["Rules"][0]["Configuration"] == {"AlarmName": "errors"}


def test_the_pipeline_may_read_these_alarms_alone(
    stack: cdk.Stack,
    release: Release,
    alarm_named: Callable[[str], cloudwatch.IAlarm],
    statements: Statements,
) -> None:
    errors = alarm_named("errors")
    release(
        alarms_before=AlarmCheck(alarms=[errors, alarm_named("latency")]),
        alarms_after=AlarmWatch(alarms=[errors], duration=minutes(5)),
    )
    (grant,) = [s for s in statements(stack, "ReleaseRole") if "cloudwatch" in str(s["Action"])]
    assert grant["Action"] == "cloudwatch:DescribeAlarms"
    assert [arn["Fn::Join"][1][-1] for arn in grant["Resource"]] == [
        ":alarm:errors",
        ":alarm:latency",
    ]


def test_composite_alarms_are_only_shown_to_who_may_read_all(
    stack: cdk.Stack,
    release: Release,
    alarm_named: Callable[[str], cloudwatch.IAlarm],
    statements: Statements,
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    composite = cloudwatch.CompositeAlarm(
        stack,
        "Composite",
        alarm_rule=cloudwatch.AlarmRule.from_alarm(
            alarm_named("errors"), cloudwatch.AlarmState.ALARM
        ),
    )
    release(alarms_before=AlarmCheck(alarms=[composite]))
    (grant,) = [s for s in statements(stack, "ReleaseRole") if "cloudwatch" in str(s["Action"])]
    assert grant["Resource"] == "*"
    assert nag(stack) == []


@pytest.mark.parametrize(
    "cron",
    [
        "0 0 9-17 ? * MON-FRI *",
        "* 0/15 * L-3 jan-mar ? 2027",
        "* * 1,2,3 LW * ?",
        "* * * ? 0-11 6#3",
        "* * * 15W * ? 2027-2030",
        "* * * ? * 6L",
    ],
)
@pytest.mark.parametrize(
    "zone", ["UTC", "UTC+05:30", "UTC-03:00", "America/New_York", "Europe/Berlin", "EST", "PST"]
)
def test_windows_in_the_notation_of_the_reference(cron: str, zone: str) -> None:
    (rule,) = DeploymentWindow(cron=cron, time_zone=zone).rules()
    assert rule.rule_name == "DeploymentWindow"


def test_alarms_are_named_once_and_waits_are_in_range(
    alarm_named: Callable[[str], cloudwatch.IAlarm],
) -> None:
    errors = alarm_named("errors")
    with pytest.raises(ValueError, match=r"each alarm once, got 'errors' more than once"):
        AlarmCheck(alarms=[errors, errors])
    with pytest.raises(ValueError, match=r"'alarm_check.wait' must be from 1 minute to 60 days"):
        AlarmCheck(alarms=[errors], wait=cdk.Duration.seconds(30))
    with pytest.raises(ValueError, match=r"'alarm_watch.duration' must be .* got 61 days"):
        AlarmWatch(alarms=[errors], duration=cdk.Duration.days(61))
    with pytest.raises(ValueError, match=r"'alarm_watch.on_alarm' must be one of AlarmResponse.R"):
        AlarmWatch(alarms=[errors], duration=minutes(5), on_alarm="SKIP")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: DeploymentWindow(cron="* 9-16 ? * MON-THU"),
            r"'deployment_window.cron' must have 6 or 7 fields \(seconds, .* got '\* 9-16",
        ),
        (lambda: DeploymentWindow(cron="* * * * ? * * *"), "must have 6 or 7 fields"),
        (lambda: DeploymentWindow(cron="* 60 * ? * *"), "must have minutes up to 59 .* got '60'"),
        (lambda: DeploymentWindow(cron="* * 24 ? * *"), "must have hours up to 23"),
        (lambda: DeploymentWindow(cron="* * * 32 * ?"), "must have day of month up to 31"),
        (lambda: DeploymentWindow(cron="* * * ? FOO *"), "must have month up to 12 .* got 'FOO'"),
        (lambda: DeploymentWindow(cron="* * * ? * MO-FR"), "must have day of week up to 7"),
        (lambda: DeploymentWindow(cron="* * * ? * * 2200"), "must have year up to 2199"),
        (lambda: DeploymentWindow(cron="* ? * ? * *"), r"must have minutes .* got '\?'"),
        (
            lambda: DeploymentWindow(cron="* * * ? * *", time_zone="Berlin time"),
            "'deployment_window.time_zone' must be .* 'Europe/Berlin', .* got 'Berlin time'",
        ),
        (lambda: DeploymentWindow(cron="* * * ? * *", time_zone="UTC+5"), "time_zone' must be"),
        (lambda: AlarmCheck(alarms=[]), "'alarm_check.alarms' must name at least one alarm"),
        (lambda: AlarmWatch(alarms=[], duration=minutes(5)), "'alarm_watch.alarms' must name"),
    ],
)
def test_bad_conditions_are_rejected(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
