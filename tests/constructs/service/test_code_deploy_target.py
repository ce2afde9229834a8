"""A service of one's own for CodeDeploy, and what is refused of it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecs as ecs
from aws_cdk.assertions import Template

from container_pipelines import BlueGreenPipeline, CodeDeployBlueGreen, CodeDeployTarget
from container_pipelines.pipeline.deploy_documents import app_spec
from container_pipelines.service.validation_hooks import BoundHook, HookStage

MakeTarget = Callable[..., CodeDeployTarget]


def test_a_service_of_ones_own_is_taken(
    stack: cdk.Stack,
    make_target: MakeTarget,
    make_pipeline: Callable[..., BlueGreenPipeline],
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    made = make_pipeline(service=make_target())
    assert made.code_deploy is not None
    Template.from_stack(stack).resource_count_is("AWS::CodeDeploy::DeploymentGroup", 1)
    # What is found of their own service is theirs: its container, and its execution role.
    assert {name for name in nag(stack) if "-ECS" not in name} == {
        f"{pack}-IAMNoInlinePolicy" for pack in ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")
    }


def test_without_rules_the_listeners_own_actions_are_changed(
    stack: cdk.Stack,
    make_target: MakeTarget,
    make_pipeline: Callable[..., BlueGreenPipeline],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    make_pipeline(service=make_target())
    found = statements(stack, "ReleaseCodeDeployRole")
    (modify,) = [s for s in found if "elasticloadbalancing:ModifyListener" in s["Action"]]
    assert "LoadBalancerHttp" in str(modify["Resource"])
    assert not [s for s in found if "elasticloadbalancing:ModifyRule" in s["Action"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"container_name": "app"}, "'container_name' must be a container of .* got 'app'"),
        ({"container_port": 3000}, "a port of the container 'web', which has 8080, got 3000"),
        ({"container_port": 0}, "'container_port' must be from 1 to 65535, got 0"),
        ({"green_target_group": None}, "'green_target_group' must be given, got one target group"),
        (
            {"green_target_group": "blue"},
            "another one than 'blue_target_group', got the same twice",
        ),
        (
            {"controller": ecs.DeploymentControllerType.ECS},
            "'service' must have the deployment controller CODE_DEPLOY, got ECS; give",
        ),
        ({"controller": None}, "deployment controller CODE_DEPLOY, got ECS"),
        ({"controller": ecs.DeploymentControllerType.EXTERNAL}, "got EXTERNAL"),
    ],
)
def test_what_does_not_fit_together_is_rejected(
    make_target: MakeTarget, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_target(**options)


def test_an_imported_service_is_rejected(stack: cdk.Stack, make_target: MakeTarget) -> None:
    imported = ecs.FargateService.from_fargate_service_attributes(
        stack,
        "Imported",
        service_name="my-service",
        cluster=ecs.Cluster.from_cluster_arn(
            stack, "Theirs", "arn:aws:ecs:eu-west-1:111122223333:cluster/theirs"
        ),
    )
    with pytest.raises(
        ValueError,
        match=r"'code_deploy_target.service' must be an aws_ecs.BaseService, got an imported",
    ):
        make_target(service=imported)


def override(target: CodeDeployTarget, name: str, value: Any) -> None:
    resource = target.service.node.default_child
    assert isinstance(resource, ecs.CfnService)
    setattr(resource, name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda target: override(
                target, "task_definition", target.service.task_definition.task_definition_arn
            ),
            "its 'taskDefinition' must be the family alone",
        ),
        (
            lambda target: target.service.attach_to_application_target_group(
                target.green_target_group
            ),
            "it must be in one target group, got 2",
        ),
        (
            lambda target: override(
                target,
                "deployment_controller",
                ecs.CfnService.DeploymentControllerProperty(type="ECS"),
            ),
            "its deployment controller must be CODE_DEPLOY",
        ),
    ],
)
def test_what_is_said_of_the_service_later_is_seen_as_well(
    app: cdk.App,
    make_target: MakeTarget,
    make_pipeline: Callable[..., BlueGreenPipeline],
    change: Callable[[CodeDeployTarget], None],
    message: str,
) -> None:
    target = make_target()
    make_pipeline(service=target)
    app.synth()
    change(target)
    with pytest.raises(RuntimeError, match=f"'Stack/Own' is deployed by CodeDeploy: {message}"):
        app.synth(force=True)


def test_the_app_spec_says_what_is_deployed_and_asked(make_target: MakeTarget) -> None:
    assert make_target(deployment=CodeDeployBlueGreen()).platform_version == "LATEST"
    hook = BoundHook(_Named("validate"), HookStage.AFTER_START)  # type: ignore[arg-type]
    spec = app_spec(
        container_name="web", container_port=8080, platform_version="1.4.0", hooks=[hook]
    )
    assert spec == {
        "Resources": [
            {
                "TargetService": {
                    "Type": "AWS::ECS::Service",
                    "Properties": {
                        "TaskDefinition": "<TASK_DEFINITION>",
                        "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 8080},
                        "PlatformVersion": "1.4.0",
                    },
                }
            }
        ],
        "Hooks": [{"AfterInstall": "validate"}],
    }


def test_on_ec2_the_app_spec_has_the_providers_and_no_platform_version(
    stack: cdk.Stack, platform: SimpleNamespace, make_target: MakeTarget
) -> None:
    definition = ecs.Ec2TaskDefinition(stack, "Ec2", network_mode=ecs.NetworkMode.AWS_VPC)
    definition.add_container(
        "web",
        image=ecs.ContainerImage.from_registry("seed"),
        memory_limit_mib=128,
        port_mappings=[ecs.PortMapping(container_port=8080)],
    )
    service = ecs.Ec2Service(
        stack,
        "OnEc2",
        cluster=platform.cluster,
        task_definition=definition,
        deployment_controller=ecs.DeploymentController(
            type=ecs.DeploymentControllerType.CODE_DEPLOY
        ),
        capacity_provider_strategies=[
            ecs.CapacityProviderStrategy(capacity_provider="spare", weight=3),
            ecs.CapacityProviderStrategy(capacity_provider="steady", base=1, weight=1),
        ],
    )
    target = make_target(service=service)
    spec = app_spec(
        container_name="web",
        container_port=8080,
        platform_version=target.platform_version,
        capacity_providers=target.capacity_providers,
    )
    properties = spec["Resources"][0]["TargetService"]["Properties"]
    assert "PlatformVersion" not in properties
    assert properties["CapacityProviderStrategy"] == [
        {"CapacityProvider": "spare", "Weight": 3},
        {"CapacityProvider": "steady", "Base": 1, "Weight": 1},
    ]


class _Named:
    def __init__(self, function_name: str) -> None:
        self.function_name = function_name
