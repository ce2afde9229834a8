"""The settings below ``monitoring``: each reaches its construct, and bad ones are reported."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from container_pipelines import (
    DEFAULT_EVENTS,
    DEFAULT_NOTIFY_ON,
    DEFAULT_THRESHOLDS,
    EventKind,
    NotifyOn,
)
from stacks.monitoring_settings import EventName, Monitoring, NotifyOnName, ThresholdName
from tests.mistakes import mistakes

Templates = Callable[[dict[str, Any]], dict[str, Any]]
MONITORING = "delivery-monitoring"


@pytest.fixture
def monitoring(
    templates: Templates, delivery: dict[str, Any]
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The resources of the stack that the settings make: type -> their properties."""

    def make(settings: dict[str, Any]) -> dict[str, Any]:
        made = templates({**delivery, "monitoring": settings})[MONITORING]["Resources"]
        found: dict[str, Any] = {}
        for resource in made.values():
            kind = resource["Type"].removeprefix("AWS::")
            found.setdefault(kind, []).append(resource["Properties"])
        return found

    return make


def test_by_default_there_are_alarms_and_a_dashboard_and_no_notifications(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    made = templates(delivery)[MONITORING]["Resources"].values()
    assert {resource["Type"] for resource in made} == {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
    }
    names = {r["Properties"].get("AlarmName") for r in made} - {None}
    assert names == {
        f"my-container-app-{name}"
        for name in (
            "failed-releases",
            "release-duration",
            "failed-builds",
            "build-duration",
            "unhealthy-targets",
            "server-errors",
            "missing-tasks",
        )
    } | {"delivery-drift-detector-errors"}


def test_it_is_turned_off(templates: Templates, delivery: dict[str, Any]) -> None:
    assert MONITORING not in templates({**delivery, "monitoring": {"enabled": False}})


def test_all_services_share_one_stack_and_one_notifier(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    second = {**delivery["services"][0], "name": "second", "priority": 50, "path_pattern": "/2/*"}
    services = [*delivery["services"], second]
    slack = {"parameter": "/delivery/slack"}
    made = templates({**delivery, "services": services, "monitoring": {"slack": slack}})
    kinds = [resource["Type"] for resource in made[MONITORING]["Resources"].values()]
    assert kinds.count("AWS::Lambda::Function") == 1
    assert kinds.count("AWS::SQS::Queue") == 1
    assert kinds.count("AWS::CloudWatch::Dashboard") == 1
    assert kinds.count("AWS::CloudWatch::Alarm") == 2 * 7 + 2 + 1


def test_an_existing_service_is_monitored_without_its_targets(templates: Templates) -> None:
    service = {
        "name": "shop",
        "source": {"type": "codecommit", "repository": "shop"},
        "existing_service": {
            "cluster_name": "c",
            "service_name": "s",
            "container_name": "app",
            "task_role_arns": ["arn:aws:iam::111122223333:role/r"],
        },
    }
    made = templates({"services": [service], "monitoring": {"emails": ["a@example.com"]}})
    resources = made[MONITORING]["Resources"].values()
    names = {r["Properties"].get("AlarmName") for r in resources} - {None}
    assert names == {
        f"shop-{name}"
        for name in (
            "failed-releases",
            "release-duration",
            "failed-builds",
            "build-duration",
            "missing-tasks",
        )
    } | {"delivery-drift-detector-errors"}
    patterns = [r["Properties"]["EventPattern"] for r in resources if "Rule" in r["Type"]]
    (deployments,) = [p for p in patterns if "ECS Deployment State Change" in p["detail-type"]]
    assert deployments["resources"][0]["Fn::Join"][1][-1].endswith(":service/c/s")


@pytest.mark.parametrize(
    ("slack", "environment", "table"),
    [
        ({"parameter": "/d/hook"}, {"SLACK_SECRET": "/d/hook"}, False),
        (
            {"parameter": "/d/bot", "channel": "C0123456789", "docs_url": "https://docs.acme.dev"},
            {
                "SLACK_SECRET": "/d/bot",
                "SLACK_CHANNEL": "C0123456789",
                "DOCS_URL": "https://docs.acme.dev",
            },
            True,
        ),
    ],
)
def test_slack(
    monitoring: Callable[[dict[str, Any]], dict[str, Any]],
    slack: dict[str, Any],
    environment: dict[str, Any],
    table: bool,
) -> None:
    made = monitoring({"slack": slack})
    (function,) = made["Lambda::Function"]
    assert function["Environment"]["Variables"].items() >= environment.items()
    assert ("DynamoDB::Table" in made) is table


@pytest.mark.parametrize("channel", [{}, {"channel": "C0123456789"}])
def test_slack_by_a_secrets_name(
    monitoring: Callable[[dict[str, Any]], dict[str, Any]], channel: dict[str, str]
) -> None:
    made = monitoring({"slack": {"secret": "slack/bot", **channel}})
    (function,) = made["Lambda::Function"]
    location = function["Environment"]["Variables"]["SLACK_SECRET"]
    assert str(location).endswith(":secret:slack/bot']]}")
    assert ("DynamoDB::Table" in made) is bool(channel)


def test_mail_and_the_notifiers_own_alarms(
    monitoring: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    made = monitoring({"emails": ["a@example.com"], "slack": {"parameter": "/d/hook"}})
    (subscription,) = made["SNS::Subscription"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "a@example.com")
    own = [alarm for alarm in made["CloudWatch::Alarm"] if "AlarmName" not in alarm]
    assert len(own) == 2
    assert {alarm["AlarmActions"] == [subscription["TopicArn"]] for alarm in own} == {True}


def test_the_chat_application(monitoring: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    ids = {"workspace_id": "T0123456789", "channel_id": "C0123456789"}
    (channel,) = monitoring({"chat_application": ids})["Chatbot::SlackChannelConfiguration"]
    assert channel["ConfigurationName"] == "delivery"
    assert channel["SlackWorkspaceId"] == "T0123456789"
    assert channel["SlackChannelId"] == "C0123456789"


def test_notify_on_and_events(monitoring: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    made = monitoring(
        {"emails": ["a@example.com"], "notify_on": ["started", "failed"], "events": ["builds"]}
    )
    (rule,) = made["Events::Rule"]
    assert rule["EventPattern"]["detail-type"] == ["CodeBuild Build State Change"]
    states = rule["EventPattern"]["detail"]["build-status"]
    assert states == ["FAILED", "FAULT", "TIMED_OUT", "IN_PROGRESS"]


def test_thresholds(monitoring: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    made = monitoring(
        {
            "thresholds": {
                "unhealthy-targets": {"value": 2},
                "release-duration": {"value": 60, "period_minutes": 10, "periods": 3},
                "server-errors": {"value": 0.5, "periods": 4, "datapoints": 2},
            },
            "alarms_left_out": ["missing-tasks"],
            "anomaly_deviations": 3,
        }
    )
    alarms = {
        alarm["AlarmName"].removeprefix("my-container-app-"): alarm
        for alarm in made["CloudWatch::Alarm"]
    }

    def of(name: str) -> tuple[Any, ...]:
        keys = ("Threshold", "Period", "EvaluationPeriods", "DatapointsToAlarm")
        return tuple(alarms[name].get(key) for key in keys)

    assert of("unhealthy-targets") == (2, 60, 3, 2)  # the rest is the default
    assert of("release-duration") == (60, 600, 3, None)
    assert of("server-errors") == (0.5, None, 4, 2)
    assert "missing-tasks" not in alarms
    assert "ANOMALY_DETECTION_BAND" in str(alarms["unusual-duration"]["Metrics"])


def test_a_service_has_thresholds_of_its_own(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    (service,) = delivery["services"]
    own = {
        "thresholds": {
            "server-errors": {"value": 1},
            "missing-tasks": {"value": 2},
        },
        "alarms_left_out": ["build-duration", "release-duration"],
    }
    other = {**service, "name": "other", "priority": 7, "path_pattern": "/other/*"}
    made = templates(
        {
            **delivery,
            "services": [{**service, "monitoring": own}, other],
            "monitoring": {
                "thresholds": {
                    "server-errors": {"value": 3, "period_minutes": 2},
                    "build-duration": {"value": 60},
                },
                "alarms_left_out": ["missing-tasks"],
            },
        }
    )[MONITORING]["Resources"].values()
    alarms = {
        properties["AlarmName"]: properties
        for properties in (r["Properties"] for r in made)
        if "AlarmName" in properties
    }

    def threshold(name: str) -> float | None:
        value: float | None = alarms.get(name, {}).get("Threshold")
        return value

    assert threshold("my-container-app-server-errors") == 1
    assert threshold("other-server-errors") == 3
    periods = [
        {metric["MetricStat"]["Period"] for metric in alarm["Metrics"] if "MetricStat" in metric}
        for name, alarm in alarms.items()
        if name.endswith("server-errors")
    ]
    assert periods == [{120}, {120}]  # what the service does not change stays
    assert threshold("my-container-app-build-duration") is None
    assert threshold("other-build-duration") == 60
    assert threshold("my-container-app-missing-tasks") == 2
    assert threshold("other-missing-tasks") is None
    assert threshold("my-container-app-release-duration") is None
    assert threshold("other-release-duration") == 3600


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            {"notify_on": ["failed"]},
            (
                "services[0].monitoring.notify_on: is not a setting; those here are "
                "thresholds, alarms_left_out"
            ),
        ),
        (
            {"thresholds": {"server-errors": {"value": 0}}},
            "services[0].monitoring.thresholds.server-errors.value: must be above 0, got 0",
        ),
        (
            {"thresholds": {"server-errors": {}}, "alarms_left_out": ["server-errors"]},
            (
                "services[0].monitoring.alarms_left_out: must not name an alarm that "
                "thresholds changes, got server-errors in both: remove one"
            ),
        ),
    ],
)
def test_bad_settings_of_a_service(
    delivery: dict[str, Any], own: dict[str, Any], message: str
) -> None:
    (service,) = delivery["services"]
    assert mistakes({**delivery, "services": [{**service, "monitoring": own}]}) == [message]


def test_what_is_not_monitored_has_no_alarms_to_change(delivery: dict[str, Any]) -> None:
    (service,) = delivery["services"]
    changed = {**service, "monitoring": {"alarms_left_out": ["server-errors"]}}
    assert mistakes({**delivery, "services": [changed], "monitoring": {"enabled": False}}) == [
        (
            "services[0].monitoring: must be left out with monitoring.enabled: false: remove it, "
            "or enabled"
        )
    ]


def test_no_template_leads_anywhere_but_to_slack(
    monitoring: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    slack = {"parameter": "/a", "channel": "C0123456789", "docs_url": "https://example.com/docs"}
    (function,) = monitoring({"slack": slack})["Lambda::Function"]
    assert set(function["Environment"]["Variables"]) == {
        "SLACK_SECRET",
        "NOTIFY_ON",
        "SLACK_CHANNEL",
        "STATE_TABLE",
        "DOCS_URL",
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"email": []}, "monitoring.email: is not a setting; did you mean 'emails'?"),
        ({"enabled": "no"}, "monitoring.enabled: must be true or false, got 'no'"),
        (
            {"enabled": False, "emails": []},
            (
                "monitoring.emails: must be left out with enabled: false, which turns all "
                "monitoring off: remove it, or enabled"
            ),
        ),
        (
            {"emails": ["team"]},
            "monitoring.emails[0]: must be an address such as 'team@example.com', got 'team'",
        ),
        ({"emails": [""]}, "monitoring.emails[0]: must have at least 1 character, got ''"),
        ({"notify_on": []}, "monitoring.notify_on: must be a list of at least 1, got 0"),
        (
            {"notify_on": ["all"]},
            (
                "monitoring.notify_on[0]: must be 'failed', 'recovered', 'approval', "
                "'started', 'succeeded' or 'stopped', got 'all'"
            ),
        ),
        (
            {"events": ["pipelines"]},
            (
                "monitoring.events[0]: must be 'releases', 'stages', 'actions', 'approvals', "
                "'builds', 'deployments', 'code_deploy', 'tasks' or 'scans', got 'pipelines'"
            ),
        ),
        (
            {"slack": {}},
            (
                "monitoring.slack: parameter or secret must be given, and not both: name the "
                "place where the webhook's URL or the bot's token is stored"
            ),
        ),
        (
            {"slack": {"parameter": "/a", "secret": "b"}},
            (
                "monitoring.slack: parameter or secret must be given, and not both: name the "
                "place where the webhook's URL or the bot's token is stored"
            ),
        ),
        (
            {"slack": {"parameter": "a b"}},
            (
                "monitoring.slack.parameter: must be the name of a parameter in Parameter "
                "Store, such as '/my-app/token'"
            ),
        ),
        (
            {"slack": {"secret": "a b"}},
            (
                "monitoring.slack.secret: must be the name of a secret in Secrets Manager, "
                "such as 'my-app/token'"
            ),
        ),
        (
            {"slack": {"parameter": "/a", "channel": "#alerts"}},
            (
                "monitoring.slack.channel: must be a channel's id such as 'C0123456789', not "
                "its name, got '#alerts'"
            ),
        ),
        (
            {"slack": {"parameter": "/a", "docs_url": "wiki"}},
            "monitoring.slack.docs_url: must be an address that starts with 'https://', got 'wiki'",
        ),
        (
            {"chat_application": {"channel_id": "C0123456789"}},
            "monitoring.chat_application.workspace_id: is missing",
        ),
        (
            {"chat_application": {"workspace_id": "acme", "channel_id": "C0123456789"}},
            (
                "monitoring.chat_application.workspace_id: must be a workspace's id such as "
                "'T0123456789', not its name, got 'acme'"
            ),
        ),
        (
            {"thresholds": {"errors": {}}},
            (
                "monitoring.thresholds.errors: must be 'failed-releases', "
                "'release-duration', 'failed-builds', 'build-duration', 'unhealthy-targets', "
                "'server-errors' or 'missing-tasks', got 'errors'"
            ),
        ),
        (
            {"thresholds": {"server-errors": {"value": 0}}},
            "monitoring.thresholds.server-errors.value: must be above 0, got 0",
        ),
        (
            {"thresholds": {"server-errors": {"period_minutes": 0}}},
            "monitoring.thresholds.server-errors.period_minutes: must be at least 1, got 0",
        ),
        (
            {"alarms_left_out": ["errors"]},
            (
                "monitoring.alarms_left_out[0]: must be 'failed-releases', "
                "'release-duration', 'failed-builds', 'build-duration', 'unhealthy-targets', "
                "'server-errors' or 'missing-tasks', got 'errors'"
            ),
        ),
        (
            {"thresholds": {"server-errors": {}}, "alarms_left_out": ["server-errors"]},
            (
                "monitoring.alarms_left_out: must not name an alarm that thresholds changes, "
                "got server-errors in both: remove one"
            ),
        ),
        ({"anomaly_deviations": 0}, "monitoring.anomaly_deviations: must be at least 0.1, got 0"),
    ],
)
def test_bad_settings(delivery: dict[str, Any], settings: dict[str, Any], message: str) -> None:
    assert mistakes({**delivery, "monitoring": settings}) == [message]


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ({"periods": 2, "datapoints": 3}, "datapoints: must be at most periods (2), got 3"),
        ({"datapoints": 6}, "datapoints: must be at most periods (5), got 6"),
        (
            {"period_minutes": 59, "periods": 25},
            (
                "periods: must be at most 24 of 59 minutes each, which is how far CloudWatch looks "
                "back, got 25"
            ),
        ),
        (
            {"period_minutes": 60, "periods": 169},
            (
                "periods: must be at most 168 of 60 minutes each, which is how far CloudWatch "
                "looks back, got 169"
            ),
        ),
    ],
)
def test_thresholds_that_cloudwatch_does_not_take(
    delivery: dict[str, Any], threshold: dict[str, Any], message: str
) -> None:
    alarm = {"thresholds": {"server-errors": threshold}}
    path = "monitoring.thresholds.server-errors"
    assert mistakes({**delivery, "monitoring": alarm}) == [f"{path}.{message}"]
    # The same where one half is said for all services, and the other for one.
    *_, (name, value) = threshold.items()
    rest = {"thresholds": {"server-errors": {k: v for k, v in threshold.items() if k != name}}}
    (service,) = delivery["services"]
    own = {**service, "monitoring": {"thresholds": {"server-errors": {name: value}}}}
    assert mistakes({**delivery, "services": [own], "monitoring": rest}) == [
        f"services[0].{path}.{message}"
    ]


def test_the_defaults_are_the_librarys() -> None:
    defaults = Monitoring()
    assert set(defaults.notify_on) == DEFAULT_NOTIFY_ON
    assert set(defaults.events) == DEFAULT_EVENTS


def test_the_choices_are_the_librarys() -> None:
    assert get_args(NotifyOnName) == tuple(NotifyOn)
    assert set(get_args(EventName)) == set(EventKind)
    assert set(get_args(ThresholdName)) == set(DEFAULT_THRESHOLDS)
