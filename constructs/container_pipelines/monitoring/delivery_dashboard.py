"""One page on how delivery goes: releases, builds, deployments, health."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from container_pipelines._checks import check_name
from container_pipelines._types import checked
from container_pipelines.monitoring._metrics import (
    Expression,
    Series,
    build_metric,
    graph_rows,
    insight,
    missing_tasks,
    pipeline_metric,
    release_metric,
    server_errors,
    target_metric,
    utilisation,
)
from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.pipeline_alarms import PipelineAlarms
from container_pipelines.monitoring.slack_notifier import SlackNotifier

# Read once: reading it is a message to another process.
_REGION: Final = Aws.REGION
_MINUTE: Final = 60
_FIVE_MINUTES: Final = 300
_DAY: Final = 86400


@checked()
class DeliveryDashboard(Construct):
    """A CloudWatch dashboard of an app: for each service its alarms, releases and health.

    **Releases** after DORA: how many, how many of them succeeded, how long they took, the lead time
    from commit to production and the time to restore; measured by :class:`SlackNotifier`, and
    without one what CodePipeline itself measures. **Builds**, **deployments** and the **health** of
    what runs, as far as they are monitored. It shows four weeks.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    dashboard_name
        The dashboard's name, unique in the account; made by CloudFormation by default.
    services
        What to show.
    notifier
        The notifier whose alarms are shown as well.

    Attributes
    ----------
    dashboard
        The dashboard; you can add widgets to it.

    Raises
    ------
    ValueError
        If there is nothing to show, or the name is not one that CloudWatch takes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        dashboard_name: str | None = None,
        services: Sequence[PipelineAlarms],
        notifier: SlackNotifier | None = None,
    ) -> None:
        if dashboard_name is not None:
            check_name(
                "dashboard_name",
                dashboard_name,
                pattern=r"[A-Za-z0-9_-]+",
                maximum=255,
                allowed="letters, digits, '-' and '_'",
            )
        if not services:
            raise ValueError(
                "'services' must name at least one PipelineAlarms, got none; give what is to be "
                "shown"
            )
        super().__init__(scope, construct_id)
        rows = [row for service in services for row in _rows(service)]
        if notifier is not None and notifier.alarms:
            rows.append([_status("Alarms of the Slack notifier", notifier.alarms.values())])
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=dashboard_name,
            default_interval=Duration.days(28),
            period_override=cloudwatch.PeriodOverride.INHERIT,
            widgets=[[_Page(rows)]],
        )


@dataclass(frozen=True, slots=True)
class _Widget:
    kind: str
    width: int
    height: int
    properties: dict[str, Any]


class _Page(cloudwatch.ConcreteWidget):
    """Rows of widgets, which the CDK asks for their JSON and nothing else.

    As widgets of the CDK they and their metrics would be objects of another process.
    """

    def __init__(self, rows: Sequence[Sequence[_Widget]]) -> None:
        self._widgets: list[dict[str, Any]] = []
        down = 0
        for row in rows:
            across = 0
            for widget in row:
                self._widgets.append(
                    {
                        "type": widget.kind,
                        "width": widget.width,
                        "height": widget.height,
                        "x": across,
                        "y": down,
                        "properties": widget.properties,
                    }
                )
                across += widget.width
            down += max(widget.height for widget in row)
        super().__init__(24, down)

    def to_json(self) -> list[Any]:
        return self._widgets


def _rows(service: PipelineAlarms) -> Iterator[list[_Widget]]:
    monitored = service.monitored
    yield [_Widget("text", 24, 1, {"markdown": f"# {monitored.name}"})]
    if service.alarms:
        yield [_status("Alarms", service.alarms.values())]
    if monitored.pipeline is not None:
        yield from (_measured if service.measured else _releases)(monitored)
    if monitored.project is not None:
        yield _builds(monitored)
    if monitored.service is not None:
        yield _deployments(monitored)
    if monitored.target_groups:
        yield _health(monitored)


def _measured(monitored: MonitoredResources) -> Iterator[list[_Widget]]:
    releases = release_metric(monitored, "Releases", "Sum", "Releases")
    failed = release_metric(monitored, "ReleasesFailed", "Sum", "Failed")
    rate = Expression(
        expression="100 * (1 - failed / releases)",
        using={"failed": failed, "releases": releases},
        label="Success rate (%)",
    )
    yield [
        _value("Releases", releases),
        _value("Success rate", rate),
        *(
            _value(title, release_metric(monitored, name, "Average", "Seconds"))
            for title, name in (
                ("Release duration", "ReleaseDuration"),
                ("Lead time", "LeadTime"),
                ("Time to restore", "TimeToRestore"),
            )
        ),
    ]
    yield [
        _graph("Releases a day", [releases, failed], seconds=_DAY),
        _graph(
            "Lead time and time to restore (s)",
            [
                release_metric(monitored, "LeadTime", "p50", "Lead time"),
                release_metric(monitored, "TimeToRestore", "Average", "Time to restore"),
                release_metric(monitored, "ReleaseDuration", "p50", "Duration"),
            ],
            seconds=_DAY,
        ),
    ]


def _releases(monitored: MonitoredResources) -> Iterator[list[_Widget]]:
    yield [
        _graph(
            "Failed releases a day",
            [pipeline_metric(monitored, "FailedPipelineExecutions", "Sum", "Failed")],
            seconds=_DAY,
        ),
        _graph(
            "Release duration (s)",
            [
                pipeline_metric(monitored, "PipelineDuration", "Average", "Average"),
                pipeline_metric(monitored, "PipelineDuration", "Maximum", "Longest"),
            ],
            seconds=_DAY,
        ),
    ]


def _builds(monitored: MonitoredResources) -> list[_Widget]:
    return [
        _graph(
            "Builds a day",
            [
                build_metric(monitored, "SucceededBuilds", "Sum", "Succeeded"),
                build_metric(monitored, "FailedBuilds", "Sum", "Failed"),
            ],
            seconds=_DAY,
        ),
        _graph(
            "Build duration (s)",
            [
                build_metric(monitored, "Duration", "Average", "Average"),
                build_metric(monitored, "Duration", "Maximum", "Longest"),
                build_metric(monitored, "QueuedDuration", "Maximum", "Longest wait"),
            ],
            seconds=_DAY,
        ),
    ]


def _deployments(monitored: MonitoredResources) -> list[_Widget]:
    return [
        _graph(
            "Tasks",
            [
                insight(monitored, "RunningTaskCount", "Average", "Running"),
                insight(monitored, "DesiredTaskCount", "Average", "Desired"),
                insight(monitored, "PendingTaskCount", "Average", "Pending"),
                missing_tasks(monitored),
            ],
            seconds=_MINUTE,
            width=8,
        ),
        _graph(
            "Deployments at a time",
            [insight(monitored, "DeploymentCount", "Maximum", "Deployments")],
            seconds=_MINUTE,
            width=8,
        ),
        _graph(
            "Processor and memory (%)",
            [
                utilisation(monitored, "CPUUtilization", "Average", "Processor"),
                utilisation(monitored, "MemoryUtilization", "Average", "Memory"),
            ],
            seconds=_FIVE_MINUTES,
            width=8,
        ),
    ]


def _health(monitored: MonitoredResources) -> list[_Widget]:
    groups = monitored.target_dimensions
    labels = [""] if len(groups) == 1 else [f" {number}" for number in range(1, len(groups) + 1)]
    labelled = list(zip(groups, labels, strict=True))
    return [
        _graph(
            "Requests",
            [
                target_metric(group, "RequestCount", "Sum", f"Requests{label}")
                for group, label in labelled
            ],
            right=[server_errors(monitored)],
            seconds=_MINUTE,
            width=8,
        ),
        _graph(
            "Response time (s)",
            [
                target_metric(group, "TargetResponseTime", statistic, f"{statistic}{label}")
                for group, label in labelled
                for statistic in ("p50", "p99")
            ],
            seconds=_MINUTE,
            width=8,
        ),
        _graph(
            "Healthy and unhealthy targets",
            [
                metric
                for group, label in labelled
                for metric in (
                    target_metric(group, "HealthyHostCount", "Minimum", f"Healthy{label}"),
                    target_metric(group, "UnHealthyHostCount", "Maximum", f"Unhealthy{label}"),
                )
            ],
            seconds=_MINUTE,
            width=8,
        ),
    ]


def _status(title: str, alarms: Iterable[cloudwatch.IAlarm]) -> _Widget:
    # One for each service: a widget takes 100 alarms.
    arns = [alarm.alarm_arn for alarm in alarms]
    return _Widget("alarm", 24, 3, {"title": title, "alarms": arns})


def _value(title: str, metric: Series | Expression) -> _Widget:
    return _Widget(
        "metric",
        4,
        3,
        {
            "view": "singleValue",
            "title": title,
            "region": _REGION,
            "metrics": graph_rows([metric], seconds=_DAY),
            "setPeriodToTimeRange": True,
        },
    )


def _graph(
    title: str,
    left: Sequence[Series | Expression],
    *,
    right: Sequence[Series | Expression] = (),
    seconds: int,
    width: int = 12,
) -> _Widget:
    return _Widget(
        "metric",
        width,
        6,
        {
            "view": "timeSeries",
            "title": title,
            "region": _REGION,
            "metrics": graph_rows(left, right, seconds=seconds),
            "yAxis": {"left": {"min": 0}},
        },
    )
