"""Pipelines, what watches them, and what tells of them, in stacks of their own."""

from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from container_pipelines import (
    BuildProject,
    EcrRepo,
    EcsRollingPipeline,
    LoadBalancedService,
    PipelineAlarms,
    SlackNotifier,
    SlackWebhook,
    Source,
)


@pytest.fixture
def place() -> None:
    """Wherever the CLI's credentials lead, as for the other stacks."""


def test_a_pipeline_of_the_library_tells_what_it_builds_and_deploys(
    app: cdk.App,
    make_service: Callable[..., LoadBalancedService],
    source: Source,
    build: BuildProject,
    images: EcrRepo,
    template: Callable[[cdk.Stack], Template],
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    service = make_service()
    delivery = cdk.Stack.of(build)
    pipeline = EcsRollingPipeline(
        delivery, "Release", source=source, build=build, service=service.service
    )
    # In a third stack, with a notifier in a fourth.
    shared = cdk.Stack(app, "Shared")
    notifier = SlackNotifier(
        shared, "Slack", slack=SlackWebhook.from_parameter_store("/slack/hook")
    )
    watching = cdk.Stack(app, "Watching")
    made = PipelineAlarms(
        watching,
        "Watch",
        name="web",
        notifications=[notifier],
        pipeline=pipeline,
        target_groups=[service.target_group],
    )
    assert made.measured
    assert made.monitored.project is build.project
    assert made.monitored.repository is images.repository
    assert made.monitored.service is service.service
    app.synth()  # without a cycle
    assert len(template(watching).find_resources("AWS::CloudWatch::Alarm")) == 7
    (policy,) = template(watching).find_resources("AWS::IAM::Policy").values()
    assert len(policy["Properties"]["Roles"]) == 1
    (own,) = template(shared).find_resources("AWS::IAM::Policy").values()
    assert "codepipeline" not in str(own)
    assert nag(watching) == []
    assert nag(shared) == []


def test_the_pipelines_stack_may_hold_its_alarms(
    stack: cdk.Stack,
    make_service: Callable[..., LoadBalancedService],
    source: Source,
    build: BuildProject,
    app: cdk.App,
    template: Callable[[cdk.Stack], Template],
) -> None:
    service = make_service()
    pipeline = EcsRollingPipeline(
        stack, "Release", source=source, build=build, service=service.service
    )
    notifier = SlackNotifier(
        cdk.Stack(app, "Shared"),
        "Slack",
        slack=SlackWebhook.from_parameter_store("/slack/hook"),
    )
    PipelineAlarms(stack, "Watch", name="web", notifications=[notifier], pipeline=pipeline)
    app.synth()  # without a cycle
    # The log group's own ARN would not do: it ends in ":*", and a stream's comes after the name.
    resource = build.log_group.node.default_child
    assert isinstance(resource, logs.CfnLogGroup)
    (streams,) = [
        statement["Resource"]["Fn::Join"][1]
        for policy in template(stack).find_resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "logs:GetLogEvents"
    ]
    log_group = {"Ref": stack.get_logical_id(resource)}
    assert streams[-3:] == [":log-group:", log_group, ":log-stream:*"]
