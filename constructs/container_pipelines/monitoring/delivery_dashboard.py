"""One page on how delivery goes: releases, builds, deployments, health."""

from collections.abc import Iterator, Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from container_pipelines._checks import check_name
from container_pipelines.monitoring._metrics import (
    build_metric,
    insight,
    missing_tasks,
    pipeline_metric,
    release_metric,
    server_errors,
    utilisation,
)
from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.pipeline_alarms import PipelineAlarms
from container_pipelines.monitoring.slack_notifier import SlackNotifier

_DAY: Final = Duration.days(1)
_MINUTE: Final = Duration.minutes(1)
_FIVE_MINUTES: Final = Duration.minutes(5)


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
            rows.append([_status("Alarms of the Slack notifier", list(notifier.alarms.values()))])
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=dashboard_name,
            default_interval=Duration.days(28),
            period_override=cloudwatch.PeriodOverride.INHERIT,
            widgets=rows,
        )


def _rows(service: PipelineAlarms) -> Iterator[list[cloudwatch.IWidget]]:
    monitored = service.monitored
    yield [cloudwatch.TextWidget(markdown=f"# {monitored.name}", width=24, height=1)]
    if service.alarms:
        yield [_status("Alarms", list(service.alarms.values()))]
    if monitored.pipeline is not None:
        yield from (_measured if service.measured else _releases)(monitored)
    if monitored.project is not None:
        yield _builds(monitored.project)
    if monitored.service is not None:
        yield _deployments(monitored)
    if monitored.target_groups:
        yield _health(monitored.target_groups)


def _measured(monitored: MonitoredResources) -> Iterator[list[cloudwatch.IWidget]]:
    releases = release_metric(monitored, "Releases", "Sum", _DAY, "Releases")
    failed = release_metric(monitored, "ReleasesFailed", "Sum", _DAY, "Failed")
    rate = cloudwatch.MathExpression(
        expression="100 * (1 - failed / releases)",
        using_metrics={"failed": failed, "releases": releases},
        period=_DAY,
        label="Success rate (%)",
    )
    yield [
        _value("Releases", releases),
        _value("Success rate", rate),
        *(
            _value(title, release_metric(monitored, name, "Average", _DAY, "Seconds"))
            for title, name in (
                ("Release duration", "ReleaseDuration"),
                ("Lead time", "LeadTime"),
                ("Time to restore", "TimeToRestore"),
            )
        ),
    ]
    yield [
        _graph("Releases a day", [releases, failed]),
        _graph(
            "Lead time and time to restore (s)",
            [
                release_metric(monitored, "LeadTime", "p50", _DAY, "Lead time"),
                release_metric(monitored, "TimeToRestore", "Average", _DAY, "Time to restore"),
                release_metric(monitored, "ReleaseDuration", "p50", _DAY, "Duration"),
            ],
        ),
    ]


def _releases(monitored: MonitoredResources) -> Iterator[list[cloudwatch.IWidget]]:
    yield [
        _graph(
            "Failed releases a day",
            [pipeline_metric(monitored, "FailedPipelineExecutions", "Sum", _DAY, "Failed")],
        ),
        _graph(
            "Release duration (s)",
            [
                pipeline_metric(monitored, "PipelineDuration", "Average", _DAY, "Average"),
                pipeline_metric(monitored, "PipelineDuration", "Maximum", _DAY, "Longest"),
            ],
        ),
    ]


def _builds(project: codebuild.IProject) -> list[cloudwatch.IWidget]:
    return [
        _graph(
            "Builds a day",
            [
                build_metric(project, "SucceededBuilds", "Sum", _DAY, "Succeeded"),
                build_metric(project, "FailedBuilds", "Sum", _DAY, "Failed"),
            ],
        ),
        _graph(
            "Build duration (s)",
            [
                build_metric(project, "Duration", "Average", _DAY, "Average"),
                build_metric(project, "Duration", "Maximum", _DAY, "Longest"),
                build_metric(project, "QueuedDuration", "Maximum", _DAY, "Longest wait"),
            ],
        ),
    ]


def _deployments(monitored: MonitoredResources) -> list[cloudwatch.IWidget]:
    return [
        _graph(
            "Tasks",
            [
                insight(monitored, "RunningTaskCount", "Average", _MINUTE, "Running"),
                insight(monitored, "DesiredTaskCount", "Average", _MINUTE, "Desired"),
                insight(monitored, "PendingTaskCount", "Average", _MINUTE, "Pending"),
                missing_tasks(monitored, _MINUTE),
            ],
            width=8,
        ),
        _graph(
            "Deployments at a time",
            [insight(monitored, "DeploymentCount", "Maximum", _MINUTE, "Deployments")],
            width=8,
        ),
        _graph(
            "Processor and memory (%)",
            [
                utilisation(monitored, "CPUUtilization", "Average", _FIVE_MINUTES, "Processor"),
                utilisation(monitored, "MemoryUtilization", "Average", _FIVE_MINUTES, "Memory"),
            ],
            width=8,
        ),
    ]


def _health(groups: Sequence[elbv2.IApplicationTargetGroup]) -> list[cloudwatch.IWidget]:
    metrics = [group.metrics for group in groups]
    labels = [""] if len(groups) == 1 else [f" {number}" for number in range(1, len(groups) + 1)]
    return [
        _graph(
            "Requests",
            [
                of_group.request_count(period=_MINUTE, statistic="Sum", label=f"Requests{label}")
                for of_group, label in zip(metrics, labels, strict=True)
            ],
            right=[server_errors(groups, _MINUTE)],
            width=8,
        ),
        _graph(
            "Response time (s)",
            [
                of_group.target_response_time(
                    period=_MINUTE, statistic=statistic, label=f"{statistic}{label}"
                )
                for of_group, label in zip(metrics, labels, strict=True)
                for statistic in ("p50", "p99")
            ],
            width=8,
        ),
        _graph(
            "Healthy and unhealthy targets",
            [
                metric
                for of_group, label in zip(metrics, labels, strict=True)
                for metric in (
                    of_group.healthy_host_count(
                        period=_MINUTE, statistic="Minimum", label=f"Healthy{label}"
                    ),
                    of_group.unhealthy_host_count(
                        period=_MINUTE, statistic="Maximum", label=f"Unhealthy{label}"
                    ),
                )
            ],
            width=8,
        ),
    ]


def _status(title: str, alarms: list[cloudwatch.IAlarm]) -> cloudwatch.AlarmStatusWidget:
    # One for each service: a widget takes 100 alarms.
    return cloudwatch.AlarmStatusWidget(title=title, alarms=alarms, width=24, height=3)


def _value(title: str, metric: cloudwatch.IMetric) -> cloudwatch.SingleValueWidget:
    return cloudwatch.SingleValueWidget(
        title=title, metrics=[metric], set_period_to_time_range=True, width=4, height=3
    )


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    *,
    right: Sequence[cloudwatch.IMetric] = (),
    width: int = 12,
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(left),
        right=list(right),
        left_y_axis=cloudwatch.YAxisProps(min=0),
        width=width,
        height=6,
    )
