import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk.assertions import Template
from ministack.services import eventbridge

from container_pipelines import PipelineAlarms, SlackNotifier, SlackWebhook, no_notifications

EVENTS = Path(__file__).parents[2] / "lambda" / "slack_notifier" / "events"

Resources = Callable[[str], dict[str, dict[str, Any]]]


@pytest.fixture
def app() -> cdk.App:
    # ARNs then are plain text, which events can be matched with.
    return cdk.App(context={"@aws-cdk/core:enablePartitionLiterals": True})


@pytest.fixture
def place() -> cdk.Environment | None:
    """Account and region of the events."""
    return cdk.Environment(account="111122223333", region="eu-west-1")


@pytest.fixture
def stack(app: cdk.App, place: cdk.Environment | None) -> cdk.Stack:
    return cdk.Stack(app, "Monitoring", env=place)


@pytest.fixture
def make_groups() -> Callable[..., list[elbv2.IApplicationTargetGroup]]:
    def make(stack: cdk.Stack, *names: str) -> list[elbv2.IApplicationTargetGroup]:
        arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333"
        return [
            elbv2.ApplicationTargetGroup.from_target_group_attributes(
                stack,
                name,
                target_group_arn=f"{arn}:targetgroup/{name}/1",
                load_balancer_arns=f"{arn}:loadbalancer/app/web/1",
            )
            for name in names
        ]

    return make


@pytest.fixture
def everything(
    stack: cdk.Stack, make_groups: Callable[..., list[elbv2.IApplicationTargetGroup]]
) -> dict[str, Any]:
    """What the events of the notifier's tests are about, each thing imported by its name."""
    arn = "arn:aws:{}:eu-west-1:111122223333:{}".format
    return {
        "pipeline": codepipeline.Pipeline.from_pipeline_arn(
            stack, "Pipeline", arn("codepipeline", "my-container-app")
        ),
        "build": codebuild.Project.from_project_name(stack, "Project", "my-container-app"),
        "service": ecs.FargateService.from_fargate_service_attributes(
            stack,
            "Service",
            service_name="my-service",
            cluster=ecs.Cluster.from_cluster_arn(
                stack, "Cluster", arn("ecs", "cluster/my-cluster")
            ),
        ),
        "target_groups": make_groups(stack, "blue", "green"),
        "repository": ecr.Repository.from_repository_name(
            stack, "Repository", "team/my-container-app"
        ),
        "deployment_group": codedeploy.EcsDeploymentGroup.from_ecs_deployment_group_attributes(
            stack,
            "Group",
            application=codedeploy.EcsApplication.from_ecs_application_name(
                stack, "Application", "my-application"
            ),
            deployment_group_name="my-group",
        ),
    }


@pytest.fixture
def notifier(stack: cdk.Stack) -> SlackNotifier:
    return SlackNotifier(stack, "Slack", slack=SlackWebhook.from_parameter_store("/slack/hook"))


@pytest.fixture
def watch(stack: cdk.Stack, everything: dict[str, Any]) -> Callable[..., PipelineAlarms]:
    def watch(**options: Any) -> PipelineAlarms:
        given = {"name": "web", "notifications": no_notifications(), **everything, **options}
        return PipelineAlarms(stack, "Watch", **given)

    return watch


@pytest.fixture
def resources(stack: cdk.Stack, template: Callable[[cdk.Stack], Template]) -> Resources:
    """The stack's resources of one type: logical id -> properties."""

    def of(kind: str) -> dict[str, dict[str, Any]]:
        found = template(stack).find_resources(kind)
        return {name: resource["Properties"] for name, resource in found.items()}

    return of


@pytest.fixture
def alarms(resources: Resources) -> Callable[[], dict[str, dict[str, Any]]]:
    """The alarms of what is monitored, by their names."""
    return lambda: {
        alarm["AlarmName"]: alarm
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if "AlarmName" in alarm
    }


@pytest.fixture(scope="session")
def event() -> Callable[[str], dict[str, Any]]:
    def read(name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
        return content

    return read


@pytest.fixture(scope="session")
def matches() -> Callable[[dict[str, Any], dict[str, Any]], bool]:
    """Match an event by the emulator's TestEventPattern, which refuses what is no pattern."""

    def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
        body = json.dumps({"EventPattern": json.dumps(pattern), "Event": json.dumps(event)})
        status, _, answer = asyncio.run(
            eventbridge.handle_request(
                "POST", "/", {"x-amz-target": "AWSEvents.TestEventPattern"}, body.encode(), {}
            )
        )
        assert status == 200, answer
        return bool(json.loads(answer)["Result"])

    return matches
