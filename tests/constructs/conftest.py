from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import cdk_nag
import pytest
from aws_cdk import assertions
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_lambda as lambda_

from container_pipelines import (
    ArtifactBucket,
    BlueGreenPipeline,
    BuildProject,
    CodeDeployBlueGreen,
    CodeDeployTarget,
    EcrRepo,
    LoadBalancedService,
    Source,
)

CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/0f1e2d3c"
PACKS = (
    cdk_nag.AwsSolutionsChecks,
    cdk_nag.HIPAASecurityChecks,
    cdk_nag.NIST80053R5Checks,
    cdk_nag.PCIDSS321Checks,
    cdk_nag.ServerlessChecks,
)
NOTHING = elbv2.ListenerAction.fixed_response(404)


@pytest.fixture
def app() -> cdk.App:
    return cdk.App()


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Stack")


@pytest.fixture
def images(app: cdk.App) -> EcrRepo:
    """A repository with its pointer, in a stack of its own as it must be."""
    return EcrRepo(cdk.Stack(app, "Registry"), "Images", repository_name="my-app")


@pytest.fixture
def platform(app: cdk.App) -> SimpleNamespace:
    stack = cdk.Stack(app, "Platform")
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2, restrict_default_security_group=False)
    balancer = elbv2.ApplicationLoadBalancer(stack, "LoadBalancer", vpc=vpc)
    return SimpleNamespace(
        vpc=vpc,
        cluster=ecs.Cluster(stack, "Cluster", vpc=vpc),
        listener=balancer.add_listener(
            "Http", port=80, default_action=elbv2.ListenerAction.fixed_response(404)
        ),
    )


@pytest.fixture
def make_service(
    stack: cdk.Stack, platform: SimpleNamespace, images: EcrRepo
) -> Callable[..., LoadBalancedService]:
    def make(name: str = "Service", **options: Any) -> LoadBalancedService:
        return LoadBalancedService(
            stack,
            name,
            **{
                "cluster": platform.cluster,
                "listener": platform.listener,
                "repository": images.repository,
                "image_pointer": images.image_pointer,
                **options,
            },
        )

    return make


@pytest.fixture
def own_service(stack: cdk.Stack, platform: SimpleNamespace) -> ecs.FargateService:
    """A service that the library has not made, so that no pointer of it is known."""
    definition = ecs.FargateTaskDefinition(stack, "OwnDefinition")
    definition.add_container("app", image=ecs.ContainerImage.from_registry("seed"))
    return ecs.FargateService(
        stack, "OwnService", cluster=platform.cluster, task_definition=definition
    )


@pytest.fixture
def source() -> Source:
    return Source.github(connection_arn=CONNECTION, repository="your-org/my-app")


@pytest.fixture
def build(stack: cdk.Stack, images: EcrRepo) -> BuildProject:
    return BuildProject(stack, "Build", repository=images.repository)


@pytest.fixture
def template() -> Callable[[cdk.Stack], assertions.Template]:
    return assertions.Template.from_stack


@pytest.fixture
def nag() -> Callable[[cdk.Stack], list[str]]:
    """What cdk-nag finds by any of its packs, and nobody has acknowledged."""

    def findings(stack: cdk.Stack) -> list[str]:
        reports = [pack(stack).validate_scope(stack) for pack in PACKS]
        return [found.rule_name for report in reports for found in report.violations]

    return findings


@pytest.fixture
def statements(
    template: Callable[[cdk.Stack], assertions.Template],
) -> Callable[[cdk.Stack, str], list[dict[str, Any]]]:
    """The policy statements of the role whose logical id starts with a prefix."""

    def of(stack: cdk.Stack, role: str) -> list[dict[str, Any]]:
        policies = template(stack).find_resources("AWS::IAM::Policy")
        return [
            statement
            for policy in policies.values()
            for attached in policy["Properties"]["Roles"]
            if attached.get("Ref", "").startswith(role)
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]

    return of


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
    stack: cdk.Stack, template: Callable[[cdk.Stack], assertions.Template]
) -> Callable[[str], dict[str, dict[str, Any]]]:
    """The properties of all resources of a type, by logical id."""

    def of(resource_type: str) -> dict[str, dict[str, Any]]:
        found = template(stack).find_resources(resource_type)
        return {name: resource["Properties"] for name, resource in found.items()}

    return of
