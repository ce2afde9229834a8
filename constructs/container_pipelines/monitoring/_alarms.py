"""The alarms of what is monitored."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from container_pipelines.monitoring._metrics import (
    build_metric,
    missing_tasks,
    pipeline_metric,
    server_errors,
    target_metric,
)
from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.thresholds import AlarmName, AnomalyBand, Threshold

_QUIET: Final = cloudwatch.TreatMissingData.NOT_BREACHING


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    name: str
    metric: cloudwatch.IMetric
    description: str
    missing: cloudwatch.TreatMissingData


def add_alarms(
    scope: Construct,
    monitored: MonitoredResources,
    thresholds: Mapping[AlarmName, Threshold | AnomalyBand],
) -> dict[str, cloudwatch.AlarmBase]:
    """Make the alarms that the thresholds name, where there is something to monitor.

    Parameters
    ----------
    scope
        The parent construct.
    monitored
        The resources.
    thresholds
        The alarms to make.

    Returns
    -------
    dict[str, cloudwatch.AlarmBase]
        The alarms: by their :class:`AlarmName`, that of a second target group with ``-2``.
    """
    made: dict[str, cloudwatch.AlarmBase] = {}
    for alarm, threshold in thresholds.items():
        for draft in _drafts(alarm, monitored, threshold):
            made[draft.name] = _alarm(scope, f"{monitored.name}-{draft.name}", draft, threshold)
    return made


def _alarm(
    scope: Construct, alarm_name: str, draft: _Draft, threshold: Threshold | AnomalyBand
) -> cloudwatch.AlarmBase:
    construct_id = draft.name.title().replace("-", "")
    if isinstance(threshold, AnomalyBand):
        return cloudwatch.AnomalyDetectionAlarm(
            scope,
            construct_id,
            alarm_name=alarm_name,
            alarm_description=draft.description,
            metric=draft.metric,
            std_devs=threshold.deviations,
            evaluation_periods=threshold.periods,
            # Faster than usual is no problem.
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_UPPER_THRESHOLD,
            treat_missing_data=draft.missing,
        )
    return cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_name=alarm_name,
        alarm_description=draft.description,
        metric=draft.metric,
        threshold=threshold.value,
        evaluation_periods=threshold.periods,
        datapoints_to_alarm=threshold.datapoints,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=draft.missing,
    )


def _drafts(
    alarm: AlarmName, monitored: MonitoredResources, threshold: Threshold | AnomalyBand
) -> Iterator[_Draft]:
    match alarm:
        case AlarmName.FAILED_RELEASES | AlarmName.RELEASE_DURATION | AlarmName.UNUSUAL_DURATION:
            yield from _of_pipeline(alarm, monitored, threshold)
        case AlarmName.FAILED_BUILDS | AlarmName.BUILD_DURATION:
            yield from _of_project(alarm, monitored, threshold)
        case AlarmName.UNHEALTHY_TARGETS | AlarmName.SERVER_ERRORS:
            yield from _of_targets(alarm, monitored, threshold)
        case AlarmName.MISSING_TASKS if monitored.service is not None:
            yield _Draft(
                name=alarm,
                metric=missing_tasks(monitored).metric(threshold.period),
                description=f"{monitored.name}: fewer tasks run than desired; see the service's "
                f"events and its stopped tasks",
                # Without Container Insights nothing is known; OK would be a lie, ALARM as well.
                missing=cloudwatch.TreatMissingData.MISSING,
            )


def _of_pipeline(
    alarm: AlarmName, monitored: MonitoredResources, threshold: Threshold | AnomalyBand
) -> Iterator[_Draft]:
    if monitored.pipeline is None:
        return
    if alarm is AlarmName.FAILED_RELEASES:
        metric, statistic, description = (
            "FailedPipelineExecutions",
            "Sum",
            "a release failed; see the pipeline's history for the action and the reason",
        )
    elif alarm is AlarmName.RELEASE_DURATION:
        metric, statistic, description = (
            "PipelineDuration",
            "Maximum",
            "a release took too long; see which stage did, waiting for approvals included",
        )
    else:
        metric, statistic, description = (
            "PipelineDuration",
            "Maximum",
            "a release took longer than usual; see which stage did",
        )
    yield _Draft(
        name=alarm,
        metric=pipeline_metric(monitored, metric, statistic).metric(threshold.period),
        description=f"{monitored.name}: {description}",
        # There is data only when an execution ends. None is no release, and no failure.
        missing=_QUIET,
    )


def _of_project(
    alarm: AlarmName, monitored: MonitoredResources, threshold: Threshold | AnomalyBand
) -> Iterator[_Draft]:
    if monitored.project is None:
        return
    metric, statistic, description = (
        ("FailedBuilds", "Sum", "a build failed; see its log for the reason")
        if alarm is AlarmName.FAILED_BUILDS
        else ("Duration", "Maximum", "a build took too long; see the durations of its phases")
    )
    yield _Draft(
        name=alarm,
        metric=build_metric(monitored, metric, statistic).metric(threshold.period),
        description=f"{monitored.name}: {description}",
        # There is data only when a build ends.
        missing=_QUIET,
    )


def _of_targets(
    alarm: AlarmName, monitored: MonitoredResources, threshold: Threshold | AnomalyBand
) -> Iterator[_Draft]:
    if not monitored.target_groups:
        return
    if alarm is AlarmName.SERVER_ERRORS:
        yield _Draft(
            name=alarm,
            metric=server_errors(monitored).metric(threshold.period),
            description=f"{monitored.name}: too many requests are answered with 5xx; see the "
            f"service's log",
            # There is data only while requests come.
            missing=_QUIET,
        )
        return
    # Blue and green change places with each release: both are monitored, each with its own alarm.
    for number, dimensions in enumerate(monitored.target_dimensions, start=1):
        yield _Draft(
            name=alarm if number == 1 else f"{alarm}-{number}",
            metric=target_metric(dimensions, "UnHealthyHostCount", "Maximum").metric(
                threshold.period
            ),
            description=f"{monitored.name}: tasks fail the health check; see the target group and "
            f"the service's log",
            # A group without targets, such as the idle one of two, has no data.
            missing=_QUIET,
        )
