"""The metrics that alarms and dashboards read, as values.

A value costs nothing until an alarm is made of it; a dashboard takes it as the JSON that it becomes
in the end. As objects of the CDK, which live in another process, widgets and metrics of a dashboard
were a tenth of what a synthesis asks for.

https://docs.aws.amazon.com/codepipeline/latest/userguide/monitoring-pipelines.html
https://docs.aws.amazon.com/codebuild/latest/userguide/cloudwatch_metrics-codebuild.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from container_pipelines.monitoring.monitored_resources import MonitoredResources

# Where fewer requests came in a period, one failure would be many per cent.
_FEWEST_REQUESTS: Final = 10
# What CloudWatch takes where a dashboard does not say.
_DEFAULT_STATISTIC: Final = "Average"
_DEFAULT_PERIOD: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A statistic of a metric.

    Parameters
    ----------
    namespace, name, dimensions
        The metric; its dimensions by name.
    statistic
        The statistic, such as ``Sum`` or ``p99``.
    label
        What a graph calls it; by default CloudWatch's own.
    """

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    label: str = field(default="", compare=False)

    def metric(self, period: Duration) -> cloudwatch.Metric:
        """Return it as an alarm takes it, with a data point for each period."""
        return cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=self.name,
            dimensions_map=dict(self.dimensions),
            statistic=self.statistic,
            period=period,
            label=self.label or None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What is computed from metrics.

    Parameters
    ----------
    expression
        The expression, in the names of the metrics.
    using
        The metrics by name.
    label
        What a graph calls it.
    """

    expression: str
    using: Mapping[str, Series]
    label: str

    def metric(self, period: Duration) -> cloudwatch.MathExpression:
        """Return it as an alarm takes it, with a data point for each period."""
        return cloudwatch.MathExpression(
            expression=self.expression,
            using_metrics={name: series.metric(period) for name, series in self.using.items()},
            period=period,
            label=self.label,
        )


def graph_rows(
    left: Sequence[Series | Expression],
    right: Sequence[Series | Expression] = (),
    *,
    seconds: int,
) -> list[list[Any]]:
    """Write metrics as the body of a dashboard has them.

    Parameters
    ----------
    left, right
        What the two axes show.
    seconds
        How long each data point is taken over.

    Returns
    -------
    list
        A row for each, and hidden ones for what expressions are computed from and no axis shows.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    lines = (*left, *right)
    names = {
        series: name
        for line in lines
        if isinstance(line, Expression)
        for name, series in line.using.items()
    }
    shown = {line for line in lines if isinstance(line, Series)}
    period = {"period": seconds} if seconds != _DEFAULT_PERIOD else {}

    def row(series: Series, **more: Any) -> list[Any]:
        options = {
            **({"label": series.label} if series.label else {}),
            **({"id": names[series]} if series in names else {}),
            **more,
            **period,
            **({"stat": series.statistic} if series.statistic != _DEFAULT_STATISTIC else {}),
        }
        dimensions = (part for dimension in series.dimensions for part in dimension)
        return [series.namespace, series.name, *dimensions, *([options] if options else [])]

    rows = []
    for axis, on_axis in (({}, left), ({"yAxis": "right"}, right)):
        for line in on_axis:
            if isinstance(line, Series):
                rows.append(row(line, **axis))
                continue
            rows.append([{"label": line.label, "expression": line.expression, **period, **axis}])
            rows.extend(
                row(series, visible=False) for series in line.using.values() if series not in shown
            )
    return rows


def pipeline_metric(
    monitored: MonitoredResources, name: str, statistic: str, label: str = ""
) -> Series:
    """Read a metric that CodePipeline keeps of a pipeline."""
    return Series(
        namespace="AWS/CodePipeline",
        name=name,
        dimensions=(("PipelineName", monitored.pipeline_name),),
        statistic=statistic,
        label=label,
    )


def release_metric(
    monitored: MonitoredResources, name: str, statistic: str, label: str = ""
) -> Series:
    """Read a metric that the notifier keeps of a pipeline's releases."""
    return Series(
        namespace="ContainerPipelines",
        name=name,
        # The notifier calls the service what the pipeline is called.
        dimensions=(("Pipeline", monitored.pipeline_name), ("Service", monitored.pipeline_name)),
        statistic=statistic,
        label=label,
    )


def build_metric(
    monitored: MonitoredResources, name: str, statistic: str, label: str = ""
) -> Series:
    """Read a metric that CodeBuild keeps of a project."""
    return Series(
        namespace="AWS/CodeBuild",
        name=name,
        dimensions=(("ProjectName", monitored.project_name),),
        statistic=statistic,
        label=label,
    )


def insight(monitored: MonitoredResources, name: str, statistic: str, label: str = "") -> Series:
    """Read a metric that Container Insights keeps of a service."""
    return _of_service("ECS/ContainerInsights", monitored, name, statistic, label)


def utilisation(
    monitored: MonitoredResources, name: str, statistic: str, label: str = ""
) -> Series:
    """Read a metric that ECS keeps of a service."""
    return _of_service("AWS/ECS", monitored, name, statistic, label)


def _of_service(
    namespace: str, monitored: MonitoredResources, name: str, statistic: str, label: str
) -> Series:
    return Series(
        namespace=namespace,
        name=name,
        dimensions=(
            ("ClusterName", monitored.cluster_name),
            ("ServiceName", monitored.service_name),
        ),
        statistic=statistic,
        label=label,
    )


def target_metric(
    dimensions: tuple[tuple[str, str], ...], name: str, statistic: str, label: str = ""
) -> Series:
    """Read a metric that a load balancer keeps of a target group."""
    return Series(
        namespace="AWS/ApplicationELB",
        name=name,
        dimensions=dimensions,
        statistic=statistic,
        label=label,
    )


def missing_tasks(monitored: MonitoredResources) -> Expression:
    """Count the tasks that should run and do not."""
    return Expression(
        expression="desired - running",
        using={
            "desired": insight(monitored, "DesiredTaskCount", "Average"),
            "running": insight(monitored, "RunningTaskCount", "Average"),
        },
        label="Missing tasks",
    )


def server_errors(monitored: MonitoredResources) -> Expression:
    """Return the percentage of requests that the targets of all groups answered with 5xx."""
    using: dict[str, Series] = {}
    for number, dimensions in enumerate(monitored.target_dimensions):
        using[f"e{number}"] = target_metric(dimensions, "HTTPCode_Target_5XX_Count", "Sum")
        using[f"r{number}"] = target_metric(dimensions, "RequestCount", "Sum")
    # Only the group that has the traffic counts requests, and no failure is no data.
    errors, requests = (
        " + ".join(f"FILL({name}, 0)" for name in using if name[0] == letter) for letter in "er"
    )
    return Expression(
        expression=f"IF(({requests}) >= {_FEWEST_REQUESTS}, 100 * ({errors}) / ({requests}), 0)",
        using=using,
        label="Requests answered with 5xx (%)",
    )
