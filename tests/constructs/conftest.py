from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import cdk_nag
import pytest
from aws_cdk import assertions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from container_pipelines import BuildProject, EcrRepo, LoadBalancedService, Source

CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/0f1e2d3c"


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
    def make(**options: Any) -> LoadBalancedService:
        return LoadBalancedService(
            stack,
            "Service",
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
    """The findings of cdk-nag's AWS Solutions pack that nobody has acknowledged."""

    def findings(stack: cdk.Stack) -> list[str]:
        report = cdk_nag.AwsSolutionsChecks(stack).validate_scope(stack)
        return [violation.rule_name for violation in report.violations]

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
