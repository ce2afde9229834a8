"""From a service's ``release`` settings to the controls of its pipeline."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_sns as sns
from constructs import Construct

from container_pipelines import (
    AlarmCheck,
    AlarmResponse,
    AlarmWatch,
    Approval,
    OnDrift,
    OnFailure,
    PipelineControls,
)
from stacks.release_settings import AlarmSettings, ApprovalSettings, Release


def pipeline_controls(scope: Construct, settings: Release) -> PipelineControls:
    """Make the controls of a pipeline.

    Parameters
    ----------
    scope
        The pipeline's stack, in which named topics and alarms are looked up.
    settings
        The settings.

    Returns
    -------
    PipelineControls
        The controls.
    """
    window = settings.deployment_window
    before, after = _alarms(scope, settings.alarms) if settings.alarms else (None, None)
    return PipelineControls(
        triggers=[trigger.trigger() for trigger in settings.triggers],
        execution_mode=codepipeline.ExecutionMode[settings.execution_mode],
        gates=[_approval(scope, settings.approval)] if settings.approval else [],
        deployment_window=window.window() if window else None,
        alarms_before=before,
        alarms_after=after,
        retry_build=settings.retry_build,
        on_failure=OnFailure(settings.on_failure) if settings.on_failure else None,
        on_drift=OnDrift(settings.on_drift),
        frozen=settings.frozen,
    )


def _approval(scope: Construct, settings: ApprovalSettings) -> Approval:
    topic_arn, timeout = settings.topic_arn, settings.timeout_minutes
    return Approval(
        topic=sns.Topic.from_topic_arn(scope, "ApprovalTopic", topic_arn) if topic_arn else None,
        link=settings.link,
        message=settings.message,
        timeout=cdk.Duration.minutes(timeout) if timeout else None,
    )


def _alarms(scope: Construct, settings: AlarmSettings) -> tuple[AlarmCheck, AlarmWatch | None]:
    alarms = [
        cloudwatch.Alarm.from_alarm_name(scope, f"Alarm{number}", name)
        for number, name in enumerate(settings.names, start=1)
    ]
    wait, watch = settings.wait_minutes, settings.watch_minutes
    return (
        AlarmCheck(alarms=alarms, wait=cdk.Duration.minutes(wait) if wait else None),
        AlarmWatch(
            alarms=alarms,
            duration=cdk.Duration.minutes(watch),
            on_alarm=AlarmResponse(settings.on_alarm),
        )
        if watch
        else None,
    )
