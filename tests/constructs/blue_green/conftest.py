from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from container_pipelines import (
    ArtifactBucket,
    BlueGreenPipeline,
    BuildProject,
    CodeDeployBlueGreen,
    CodeDeployTarget,
    LoadBalancedService,
    Source,
)

NOTHING = elbv2.ListenerAction.fixed_response(404)


@pytest.fixture
def test_listener(platform: SimpleNamespace) -> elbv2.ApplicationListener:
    """Another port of the platform's load balancer, which speaks HTTP."""
    balancer = platform.listener.load_balancer
    return balancer.add_listener(
        "Test", port=9000, protocol=elbv2.ApplicationProtocol.HTTP, default_action=NOTHING
    )


@pytest.fixture
def alarm(stack: cdk.Stack) -> cloudwatch.IAlarm:
    return cloudwatch.Alarm.from_alarm_arn(
        stack, "Errors", "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:errors"
    )


@pytest.fixture
def function(stack: cdk.Stack) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Validation",
        runtime=lambda_.Runtime.PYTHON_3_14,
        handler="index.handle",
        code=lambda_.Code.from_inline("def handle(event, context): ..."),
    )


@pytest.fixture
def make_pipeline(
    stack: cdk.Stack,
    source: Source,
    build: BuildProject,
    make_service: Callable[..., LoadBalancedService],
) -> Callable[..., BlueGreenPipeline]:
    """Make a service with a deployment and its pipeline."""
    bucket = ArtifactBucket.from_bucket_name(stack, "Bucket", "artifacts")

    def make(deployment: Any = None, **options: Any) -> BlueGreenPipeline:
        if "service" not in options:
            options["service"] = make_service(deployment=deployment)
        return BlueGreenPipeline(
            stack,
            "Release",
            **{"source": source, "build": build, "artifact_bucket": bucket, **options},
        )

    return make


@pytest.fixture
def make_target(stack: cdk.Stack, platform: SimpleNamespace) -> Callable[..., CodeDeployTarget]:
    """A service of one's own for CodeDeploy; ``controller`` and ``definition`` change it."""

    def make(
        controller: ecs.DeploymentControllerType | None = ecs.DeploymentControllerType.CODE_DEPLOY,
        **options: Any,
    ) -> CodeDeployTarget:
        definition = ecs.FargateTaskDefinition(stack, "Definition")
        definition.add_container(
            "web",
            image=ecs.ContainerImage.from_registry("seed"),
            port_mappings=[ecs.PortMapping(container_port=8080)],
        )
        service = ecs.FargateService(
            stack,
            "Own",
            cluster=platform.cluster,
            task_definition=definition,
            deployment_controller=(
                ecs.DeploymentController(type=controller) if controller else None
            ),
        )
        blue, green = (
            elbv2.ApplicationTargetGroup(
                stack, name, vpc=platform.vpc, port=8080, target_type=elbv2.TargetType.IP
            )
            for name in ("Blue", "Green")
        )
        service.attach_to_application_target_group(blue)
        if options.get("green_target_group") == "blue":
            options["green_target_group"] = blue
        return CodeDeployTarget(
            **{
                "service": service,
                "container_name": "web",
                "container_port": 8080,
                "blue_target_group": blue,
                "green_target_group": green,
                "listener": platform.listener,
                "deployment": CodeDeployBlueGreen(),
                **options,
            }
        )

    return make


@pytest.fixture
def properties(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> Callable[[str], dict[str, dict[str, Any]]]:
    """The properties of all resources of a type, by logical id."""

    def of(resource_type: str) -> dict[str, dict[str, Any]]:
        found = template(stack).find_resources(resource_type)
        return {name: resource["Properties"] for name, resource in found.items()}

    return of
