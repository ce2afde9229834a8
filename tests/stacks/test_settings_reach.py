"""Every setting of a service gets where it is meant to: none of these values is a default."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.mistakes import mistakes

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf"
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
        "in_vpc": True,
        "secrets": {"pip": "shop/pip:conf"},
    },
    "images": {"keep": 50},
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
        "secrets": {"API_KEY": f"{SECRET}:key", "ALL": SECRET},
        "execute_command": True,
        "stop_timeout_seconds": 90,
        "ephemeral_storage_gib": 30,
        "command": ["serve", "--all"],
    },
    "health_check": {
        "path": "/up",
        "interval_seconds": 20,
        "timeout_seconds": 4,
        "healthy_threshold": 3,
        "unhealthy_threshold": 4,
        "healthy_codes": "200-299",
        "grace_period_seconds": 90,
    },
    "scaling": {"min_tasks": 3, "max_tasks": 7, "cpu_percent": 70},
    "path_pattern": "/shop/*",
    "host_headers": ["shop.example.com"],
    "stickiness_minutes": 90,
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
    (
        "service",
        "AWS::ECS::Service",
        {
            "ServiceName": "shop",
            "EnableExecuteCommand": True,
            "HealthCheckGracePeriodSeconds": 90,
        },
    ),
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
            "Matcher": {"HttpCode": "200-299"},
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
            "Conditions": [
                {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/shop/*"]}},
                {"Field": "host-header", "HostHeaderConfig": {"Values": ["shop.example.com"]}},
            ],
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
    assert {"Name": "API_KEY", "ValueFrom": f"{SECRET}:key::"} in container["Secrets"]
    assert {"Name": "ALL", "ValueFrom": SECRET} in container["Secrets"]
    assert container["StopTimeout"] == 90
    assert container["Command"] == ["serve", "--all"]
    assert task["EphemeralStorage"] == {"SizeInGiB": 30}
    group = only(made, "acme-shop-service", "AWS::ElasticLoadBalancingV2::TargetGroup")
    attributes = {each["Key"]: each["Value"] for each in group["TargetGroupAttributes"]}
    assert attributes["stickiness.lb_cookie.duration_seconds"] == "5400"


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
        "secrets": {"npm": "BUILD_SECRET_1", "pip": "BUILD_SECRET_2"},
        "layer_cache": "registry",
    }
    assert found["BUILD_SECRET_2"] == "shop/pip:conf"
    assert len(project["VpcConfig"]["Subnets"]) == 3
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


def test_how_many_images_stay(made: dict[str, Any]) -> None:
    repository = only(made, "acme-shop-registry", "AWS::ECR::Repository")
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert rules[-1]["selection"]["countNumber"] == 50


OTHERWISE = {
    "name": "acme",
    "services": [
        {
            "name": "shop",
            "source": SERVICE["source"],
            "build": {
                "buildspec": "ci/build.yaml",
                "docker_hub": {"secret": "docker-hub", "token_field": "pat"},
            },
            "images": {"existing_repository": "acme/images"},
            "container": {"architecture": "arm64", "seed_image": "my/seed:1"},
            "tasks": 0,
            "path_pattern": "/shop/*",
        },
        {
            "name": "search",
            "source": SERVICE["source"],
            "scaling": {"memory_percent": 80, "requests_per_task": 500},
            "pull_requests": {"secrets": {"pip": "shop/pip-read-only"}},
            "build": {"in_vpc": True},
            "path_pattern": "/search/*",
            "priority": 20,
        },
        {
            "name": "legacy",
            "source": SERVICE["source"],
            "strategy": "blue-green",
            "existing_service": {
                "cluster_name": "c",
                "service_name": "s",
                "container_name": "app",
                "task_role_arns": ["arn:aws:iam::111122223333:role/r"],
            },
        },
    ],
}
"""What excludes something of the above."""


@pytest.fixture(scope="module")
def otherwise(templates: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    return templates(OTHERWISE)


def test_the_repositorys_own_buildspec(otherwise: dict[str, Any]) -> None:
    project = only(otherwise, "acme-shop-pipeline", "AWS::CodeBuild::Project")
    assert project["Source"]["BuildSpec"] == "ci/build.yaml"
    assert project["Environment"]["Type"] == "ARM_CONTAINER"
    found = {v["Name"]: v["Value"] for v in project["Environment"]["EnvironmentVariables"]}
    assert found["DOCKERHUB_USER"] == "docker-hub:user"
    assert found["DOCKERHUB_TOKEN"] == "docker-hub:pat"
    assert not {"SCAN_GATE", "BUILD_OPTIONS"} & set(found)
    statements = json.dumps(otherwise["acme-shop-pipeline"])
    assert ":secret:docker-hub-??????" in statements


def test_a_repository_that_is_there(otherwise: dict[str, Any]) -> None:
    registry = otherwise["acme-shop-registry"]["Resources"].values()
    kinds = [resource["Type"] for resource in registry]
    assert "AWS::ECR::Repository" not in kinds
    pointers = [r["Properties"] for r in registry if r["Type"] == "Custom::ImagePointer"]
    names = {json.loads(pointer["Create"])["parameters"]["Name"] for pointer in pointers}
    assert names == {
        "/container-pipelines/shop/image",
        "/container-pipelines/shop/image-previous",
    }
    project = only(otherwise, "acme-shop-pipeline", "AWS::CodeBuild::Project")
    found = {v["Name"]: v["Value"] for v in project["Environment"]["EnvironmentVariables"]}
    assert found["IMAGE_REPO_NAME"] == "acme/images"
    assert ":repository/acme/images" in json.dumps(otherwise["acme-shop-service"])


def test_the_number_of_tasks(otherwise: dict[str, Any]) -> None:
    assert only(otherwise, "acme-shop-service", "AWS::ECS::Service")["DesiredCount"] == 0
    assert "DesiredCount" not in only(otherwise, "acme-search-service", "AWS::ECS::Service")
    policies = [
        resource["Properties"]["TargetTrackingScalingPolicyConfiguration"]
        for resource in otherwise["acme-search-service"]["Resources"].values()
        if resource["Type"] == "AWS::ApplicationAutoScaling::ScalingPolicy"
    ]
    targets = {
        policy["PredefinedMetricSpecification"]["PredefinedMetricType"]: policy["TargetValue"]
        for policy in policies
    }
    # Not CPU as well, which is the default where nothing is aimed at.
    assert targets == {
        "ECSServiceAverageMemoryUtilization": 80,
        "ALBRequestCountPerTarget": 500,
    }


def test_pull_requests_are_not_built_beside_the_services(otherwise: dict[str, Any]) -> None:
    projects = [
        resource["Properties"]
        for resource in otherwise["acme-search-pipeline"]["Resources"].values()
        if resource["Type"] == "AWS::CodeBuild::Project"
    ]
    assert {p["Name"]: "VpcConfig" in p for p in projects} == {
        "search": True,
        "search-pull-requests": False,
    }
    assert '"shop/pip-read-only"' in json.dumps(projects)


def test_a_service_that_shifts_its_traffic_itself_is_waited_for(otherwise: dict[str, Any]) -> None:
    pipeline = only(otherwise, "acme-legacy-pipeline", "AWS::CodePipeline::Pipeline")
    (deploy, *_) = pipeline["Stages"][-1]["Actions"]
    assert deploy["ActionTypeId"]["Provider"] == "ECS"
    assert deploy["Configuration"]["DeploymentTimeout"] == 60


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
