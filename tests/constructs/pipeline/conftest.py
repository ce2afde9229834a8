from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.assertions import Template

from container_pipelines import (
    ArtifactBucket,
    BuildProject,
    EcsRollingPipeline,
    LoadBalancedService,
    PipelineControls,
    Source,
)

Release = Callable[..., dict[str, Any]]


@pytest.fixture
def release(
    stack: cdk.Stack,
    source: Source,
    build: BuildProject,
    make_service: Callable[..., LoadBalancedService],
    template: Callable[[cdk.Stack], Template],
) -> Release:
    """Make a pipeline with controls; returns its properties, the stages by their names."""

    def release(source: Source = source, **controls: Any) -> dict[str, Any]:
        EcsRollingPipeline(
            stack,
            "Release",
            source=source,
            build=build,
            service=make_service().service,
            artifact_bucket=ArtifactBucket.from_bucket_name(stack, "Bucket", "artifacts"),
            controls=PipelineControls(**controls),
        )
        (pipeline,) = template(stack).find_resources("AWS::CodePipeline::Pipeline").values()
        properties = pipeline["Properties"]
        return {**properties, "Stages": {stage["Name"]: stage for stage in properties["Stages"]}}

    return release


@pytest.fixture
def alarm_named(stack: cdk.Stack) -> Callable[[str], cloudwatch.IAlarm]:
    return lambda name: cloudwatch.Alarm.from_alarm_name(stack, name, name)
