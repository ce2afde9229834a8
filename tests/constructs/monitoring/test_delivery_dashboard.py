import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from container_pipelines import AlarmName, DeliveryDashboard, PipelineAlarms, SlackNotifier

Watch = Callable[..., PipelineAlarms]
Body = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def body(resources: Callable[[str], dict[str, dict[str, Any]]]) -> Body:
    """The widgets, with references as text."""

    def widgets() -> list[dict[str, Any]]:
        (made,) = resources("AWS::CloudWatch::Dashboard").values()
        parts = made["DashboardBody"]["Fn::Join"][1]
        text = "".join(p if isinstance(p, str) else json.dumps(p).replace('"', "'") for p in parts)
        found: list[dict[str, Any]] = json.loads(text)["widgets"]
        return found

    return widgets


def titles(widgets: list[dict[str, Any]]) -> list[str]:
    return [
        widget["properties"].get("title") or widget["properties"]["markdown"] for widget in widgets
    ]


HEALTH = ["Requests", "Response time (s)", "Healthy and unhealthy targets"]
DEPLOYMENTS = ["Tasks", "Deployments at a time", "Processor and memory (%)"]
BUILDS = ["Builds a day", "Build duration (s)"]


def test_a_service_whose_releases_are_measured(
    stack: cdk.Stack, watch: Watch, notifier: SlackNotifier, body: Body
) -> None:
    monitored = watch(notifications=[notifier])
    DeliveryDashboard(stack, "Dashboard", services=[monitored], notifier=notifier)
    widgets = body()
    assert titles(widgets) == [
        "# web",
        "Alarms",
        "Releases",
        "Success rate",
        "Release duration",
        "Lead time",
        "Time to restore",
        "Releases a day",
        "Lead time and time to restore (s)",
        *BUILDS,
        *DEPLOYMENTS,
        *HEALTH,
        "Alarms of the Slack notifier",
    ]
    lead = next(w for w in widgets if w["properties"].get("title") == "Lead time")
    (metric,) = lead["properties"]["metrics"]
    assert metric[:2] == ["ContainerPipelines", "LeadTime"]
    assert sorted(metric[2:6]) == sorted(
        ["Service", "my-container-app", "Pipeline", "my-container-app"]
    )
    rate = next(w for w in widgets if w["properties"].get("title") == "Success rate")
    assert rate["properties"]["metrics"][0][0]["expression"] == "100 * (1 - failed / releases)"
    assert len(widgets[1]["properties"]["alarms"]) == 8
    assert len(widgets[-1]["properties"]["alarms"]) == 2


def test_without_a_notifier_codepipelines_own_metrics_are_shown(
    stack: cdk.Stack, watch: Watch, body: Body
) -> None:
    DeliveryDashboard(stack, "Dashboard", services=[watch()])
    assert "Failed releases a day" in titles(body())
    assert "ContainerPipelines" not in json.dumps(body())


def test_only_what_is_monitored_is_shown(stack: cdk.Stack, watch: Watch, body: Body) -> None:
    monitored = watch(
        pipeline=None, build=None, target_groups=(), alarms={AlarmName.MISSING_TASKS: None}
    )
    DeliveryDashboard(stack, "Dashboard", services=[monitored])
    assert titles(body()) == ["# web", *DEPLOYMENTS]


def test_no_widget_leaves_the_page(
    stack: cdk.Stack, watch: Watch, notifier: SlackNotifier, body: Body
) -> None:
    DeliveryDashboard(stack, "Dashboard", services=[watch(notifications=[notifier])])
    assert {widget["x"] + widget["width"] <= 24 for widget in body()} == {True}


def test_custom_widgets_may_be_added(stack: cdk.Stack, watch: Watch, body: Body) -> None:
    made = DeliveryDashboard(stack, "Dashboard", services=[watch()])
    made.dashboard.add_widgets(cloudwatch.TextWidget(markdown="ours"))
    assert titles(body())[-1] == "ours"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my app", r"'dashboard_name' must be .*letters, digits, '-' and '_'; got 'my app'"),
        ("", r"'dashboard_name' must be"),
    ],
)
def test_bad_names(stack: cdk.Stack, watch: Watch, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DeliveryDashboard(stack, "Dashboard", services=[watch()], dashboard_name=name)


def test_nothing_to_show_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(ValueError, match=r"'services' must name at least one.*got none"):
        DeliveryDashboard(stack, "Dashboard", services=[])
