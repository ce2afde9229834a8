"""Every setting of a service gets where it is meant to: none of these values is a default."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.mistakes import mistakes

SERVICE = {
    "name": "shop",
    "source": {
        "type": "github",
        "repository": "acme/shop",
        "branch": "release",
        "full_clone": True,
    },
    "build": {
        "dockerfile": "web/Dockerfile",
        "context": "web",
        "target": "prod",
        "arguments": {"VERSION": "2"},
        "secret_parameters": {"npm": "/shop/npm"},
        "platforms": ["arm64", "amd64"],
        "test_command": ["npm", "test"],
        "sbom_generator": "my/generator:1",
        "layer_cache": "registry",
        "compute_type": "LARGE",
        "timeout_minutes": 45,
        "concurrent_builds": 3,
        "queued_timeout_minutes": 60,
        "pull_through_cache": "hub",
    },
    "container": {
        "name": "web",
        "port": 8080,
        "cpu": 512,
        "memory": 2048,
        "environment": {"STAGE": "prod"},
        "user": "1000:1000",
        "read_only_root_filesystem": False,
        "architecture": "arm64",
        "seed_image": "my/seed:1",
    },
    "health_check": {
        "path": "/up",
        "interval_seconds": 20,
        "timeout_seconds": 4,
        "healthy_threshold": 3,
        "unhealthy_threshold": 4,
    },
    "scaling": {"min_tasks": 3, "max_tasks": 7, "cpu_percent": 70},
    "path_pattern": "/shop/*",
    "priority": 42,
    "deployment_timeout_minutes": 50,
}
SETTINGS = {
    "name": "acme",
    "platform": {"nat_gateways": 2, "max_availability_zones": 3},
    "services": [SERVICE],
}

PROPERTIES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "pipeline",
        "AWS::CodeBuild::Project",
        {
            "Name": "shop",
            "TimeoutInMinutes": 45,
            "QueuedTimeoutInMinutes": 60,
            "ConcurrentBuildLimit": 3,
        },
    ),
    ("service", "AWS::ECS::Service", {"ServiceName": "shop"}),
    ("service", "AWS::ECS::TaskDefinition", {"Family": "shop", "Cpu": "512", "Memory": "2048"}),
    (
        "service",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        {
            "HealthCheckPath": "/up",
            "HealthCheckIntervalSeconds": 20,
            "HealthCheckTimeoutSeconds": 4,
            "HealthyThresholdCount": 3,
            "UnhealthyThresholdCount": 4,
        },
    ),
    (
        "service",
        "AWS::ApplicationAutoScaling::ScalableTarget",
        {"MinCapacity": 3, "MaxCapacity": 7},
    ),
    (
        "service",
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        {
            "Priority": 42,
            "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/shop/*"]}}],
        },
    ),
    ("registry", "AWS::ECR::Repository", {"RepositoryName": "shop"}),
    ("pipeline", "AWS::CodePipeline::Pipeline", {"Name": "shop"}),
]


@pytest.fixture(scope="module")
def made(templates: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    return templates(SETTINGS)


def only(made: dict[str, Any], stack: str, kind: str) -> Any:
    (found,) = [r for r in made[stack]["Resources"].values() if r["Type"] == kind]
    return found["Properties"]


@pytest.mark.parametrize(("stack", "kind", "expected"), PROPERTIES)
def test_properties(made: dict[str, Any], stack: str, kind: str, expected: dict[str, Any]) -> None:
    properties = only(made, f"acme-shop-{stack}", kind)
    assert {name: properties.get(name) for name in expected} == expected


def test_the_container(made: dict[str, Any]) -> None:
    task = only(made, "acme-shop-service", "AWS::ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    assert container["Name"] == "web"
    assert container["ReadonlyRootFilesystem"] is False
    assert {"Name": "STAGE", "Value": "prod"} in container["Environment"]


def test_the_build_machine_and_the_scaling_target(made: dict[str, Any]) -> None:
    project = only(made, "acme-shop-pipeline", "AWS::CodeBuild::Project")
    assert project["Environment"]["ComputeType"] == "BUILD_GENERAL1_LARGE"
    policy = only(made, "acme-shop-service", "AWS::ApplicationAutoScaling::ScalingPolicy")
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70


def test_how_the_image_is_built(made: dict[str, Any]) -> None:
    project = only(made, "acme-shop-pipeline", "AWS::CodeBuild::Project")
    found = {v["Name"]: v["Value"] for v in project["Environment"]["EnvironmentVariables"]}
    assert json.loads(found["BUILD_OPTIONS"]) == {
        "dockerfile": "web/Dockerfile",
        "context": "web",
        "target": "prod",
        "arguments": {"VERSION": "2"},
        "secrets": {"npm": "BUILD_SECRET_1"},
        "layer_cache": "registry",
    }
    assert found["BUILD_SECRET_1"] == "/shop/npm"
    assert found["BUILD_PLATFORMS"] == "linux/amd64,linux/arm64"
    assert json.loads(found["TEST_COMMAND"]) == ["npm", "test"]
    assert found["SBOM_GENERATOR"] == "my/generator:1"
    assert json.dumps(found["PULL_THROUGH_CACHE"]).endswith('/hub"]]}')


def test_the_processor_and_the_seed(made: dict[str, Any]) -> None:
    task = only(made, "acme-shop-service", "AWS::ECS::TaskDefinition")
    assert task["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
    registry = made["acme-shop-registry"]["Resources"].values()
    pointers = [r["Properties"] for r in registry if r["Type"] == "Custom::ImagePointer"]
    seeds = [json.loads(pointer["Create"])["parameters"]["Value"] for pointer in pointers]
    assert seeds == ["my/seed:1"] * 2


def test_the_actions(made: dict[str, Any]) -> None:
    pipeline = only(made, "acme-shop-pipeline", "AWS::CodePipeline::Pipeline")
    source, build, deploy = (stage["Actions"][0]["Configuration"] for stage in pipeline["Stages"])
    assert (source["FullRepositoryId"], source["BranchName"]) == ("acme/shop", "release")
    assert source["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF"
    assert '"value":"web"' in build["EnvironmentVariables"]
    assert deploy["DeploymentTimeout"] == 50


def test_the_zones_and_gateways(made: dict[str, Any]) -> None:
    kinds = [r["Type"] for r in made["acme-platform"]["Resources"].values()]
    assert (kinds.count("AWS::EC2::Subnet"), kinds.count("AWS::EC2::NatGateway")) == (6, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"container": {"memory": 9999}},
            (
                "container.memory: must be from 512 to 2048 in Fargate's steps with cpu 256, got "
                "9999: the nearest is 2048"
            ),
        ),
        (
            {"container": {"environment": {"PORT": "1"}}},
            (
                "container.environment: must not set 'PORT', which has the container's port: set "
                "port instead"
            ),
        ),
        (
            {"health_check": {"interval_seconds": 5, "timeout_seconds": 5}},
            (
                "health_check.timeout_seconds: must be below interval_seconds (5), got 5: "
                "lengthen the interval, or shorten the time-out"
            ),
        ),
        (
            {"source": {**SERVICE["source"], "branch": "refs/heads/main"}},
            "source.branch: must be the branch's short name, got 'refs/heads/main': write 'main'",
        ),
    ],
)
def test_what_a_construct_would_refuse_is_said_by_its_setting(
    change: dict[str, Any], message: str
) -> None:
    service = {**SERVICE, "build": {}, "container": {}, **change}
    assert mistakes({"services": [service]}) == [f"services[0].{message}"]
