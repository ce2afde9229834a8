"""The metrics that alarms and dashboards read.

https://docs.aws.amazon.com/codepipeline/latest/userguide/monitoring-pipelines.html
https://docs.aws.amazon.com/codebuild/latest/userguide/cloudwatch_metrics-codebuild.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from container_pipelines.monitoring.monitored_resources import MonitoredResources

# Where fewer requests came in a period, one failure would be many per cent.
_FEWEST_REQUESTS: Final = 10


def pipeline_metric(
    monitored: MonitoredResources, name: str, statistic: str, period: Duration, label: str = ""
) -> cloudwatch.Metric:
    """Read a metric that CodePipeline keeps of a pipeline."""
    return cloudwatch.Metric(
        namespace="AWS/CodePipeline",
        metric_name=name,
        dimensions_map={"PipelineName": monitored.pipeline_name},
        statistic=statistic,
        period=period,
        label=label or None,
    )


def release_metric(
    monitored: MonitoredResources, name: str, statistic: str, period: Duration, label: str = ""
) -> cloudwatch.Metric:
    """Read a metric that the notifier keeps of a pipeline's releases."""
    return cloudwatch.Metric(
        namespace="ContainerPipelines",
        metric_name=name,
        # The notifier calls the service what the pipeline is called.
        dimensions_map={"Service": monitored.pipeline_name, "Pipeline": monitored.pipeline_name},
        statistic=statistic,
        period=period,
        label=label or None,
    )


def build_metric(
    project: codebuild.IProject, name: str, statistic: str, period: Duration, label: str = ""
) -> cloudwatch.Metric:
    """Read a metric that CodeBuild keeps of a project."""
    return project.metric(name, statistic=statistic, period=period, label=label or None)


def insight(
    monitored: MonitoredResources, name: str, statistic: str, period: Duration, label: str = ""
) -> cloudwatch.Metric:
    """Read a metric that Container Insights keeps of a service."""
    return _of_service("ECS/ContainerInsights", monitored, name, statistic, period, label)


def utilisation(
    monitored: MonitoredResources, name: str, statistic: str, period: Duration, label: str = ""
) -> cloudwatch.Metric:
    """Read a metric that ECS keeps of a service."""
    return _of_service("AWS/ECS", monitored, name, statistic, period, label)


def _of_service(
    namespace: str,
    monitored: MonitoredResources,
    name: str,
    statistic: str,
    period: Duration,
    label: str,
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map={
            "ClusterName": monitored.cluster_name,
            "ServiceName": monitored.service_name,
        },
        statistic=statistic,
        period=period,
        label=label or None,
    )


def missing_tasks(monitored: MonitoredResources, period: Duration) -> cloudwatch.MathExpression:
    """Count the tasks that should run and do not."""
    return cloudwatch.MathExpression(
        expression="desired - running",
        using_metrics={
            "desired": insight(monitored, "DesiredTaskCount", "Average", period),
            "running": insight(monitored, "RunningTaskCount", "Average", period),
        },
        period=period,
        label="Missing tasks",
    )


def server_errors(
    groups: Sequence[elbv2.IApplicationTargetGroup], period: Duration
) -> cloudwatch.MathExpression:
    """Return the percentage of requests that the targets of all groups answered with 5xx."""
    metrics: dict[str, cloudwatch.IMetric] = {}
    for number, group in enumerate(groups):
        of_group = group.metrics
        metrics[f"e{number}"] = of_group.http_code_target(
            elbv2.HttpCodeTarget.TARGET_5XX_COUNT, period=period, statistic="Sum"
        )
        metrics[f"r{number}"] = of_group.request_count(period=period, statistic="Sum")
    # Only the group that has the traffic counts requests, and no failure is no data.
    errors, requests = (
        " + ".join(f"FILL({letter}{number}, 0)" for number in range(len(groups))) for letter in "er"
    )
    return cloudwatch.MathExpression(
        expression=f"IF(({requests}) >= {_FEWEST_REQUESTS}, 100 * ({errors}) / ({requests}), 0)",
        using_metrics=metrics,
        period=period,
        label="Requests answered with 5xx (%)",
    )
