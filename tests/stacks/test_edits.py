"""What carries traffic or state stays through every edit of the settings that the docs call safe.

CloudFormation replaces a resource when a create-only property changes: it makes another one, points
dependants at it, and removes the old one. For a target group that carries traffic, a subnet with
tasks in it or a service with a fixed name that is an outage or a failed deployment. Which
properties these are is said by CloudFormation's own resource schemas, as cfn-lint carries them.
"""

import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

Templates = Callable[[dict[str, Any]], dict[str, Any]]

KEPT = (
    "AWS::CodeBuild::Project",
    "AWS::CodeConnections::Connection",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::CodePipeline::Pipeline",
    "AWS::EC2::EIP",
    "AWS::EC2::NatGateway",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::ECR::Repository",
    "AWS::ECS::Cluster",
    "AWS::ECS::Service",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SSM::Parameter",
)
# The schema leaves it open; older pages of AWS's reference say that a change replaces the service.
DOUBTED = {"AWS::ECS::Service": ["/properties/DeploymentController"]}

ECS: dict[str, Any] = {"strategy": "blue-green", "blue_green": {"engine": "ecs"}}
CODE_DEPLOY: dict[str, Any] = {"strategy": "blue-green", "blue_green": {"engine": "code-deploy"}}
CERTIFICATE = "arn:aws:acm:eu-west-1:111122223333:certificate/0f1e"

OF_A_SERVICE: dict[str, Any] = {
    "container": {
        "name": "web",
        "port": 8080,
        "cpu": 512,
        "memory": 1024,
        "environment": {"STAGE": "prod"},
        "secret_parameters": {"TOKEN": "/my-app/token"},
        "seed_image": "example.com/seed:1",
        "user": "1000",
        "read_only_root_filesystem": False,
    },
    "health_check": {"path": "/up", "interval_seconds": 10},
    "scaling": {"min_tasks": 3, "max_tasks": 9},
    "path_pattern": "/shop/*",
    "priority": 7,
    "build": {"timeout_minutes": 20, "scan": {"severity": "CRITICAL"}},
    "release": {"frozen": "Year end"},
}
OF_ECS: dict[str, dict[str, Any]] = {
    "all at once": {"blue_green": {"engine": "ecs", "traffic_shift": {"type": "all-at-once"}}},
    "canary": {"blue_green": {"engine": "ecs", "traffic_shift": {"type": "canary"}}},
    "pause": {"blue_green": {"engine": "ecs", "pause_minutes": 5}},
    "alarms": {"blue_green": {"engine": "ecs", "alarm_names": ["errors"]}},
    "live group": {"blue_green": {"engine": "ecs", "live_group": "green"}},
}
OF_PLATFORMS: dict[str, dict[str, Any]] = {
    "certificate": {"certificate_arn": CERTIFICATE},
    "zones": {"max_availability_zones": 3},
    "all zones": {"max_availability_zones": 6, "nat_gateways": 6},
    "NAT gateways": {"nat_gateways": 2},
    "test listener": {"test_port": 8080},
}
STRATEGIES = {"rolling": {}, "ECS": ECS, "CodeDeploy": CODE_DEPLOY}


@pytest.fixture(scope="module")
def deployed(
    templates: Templates, context: dict[str, Any]
) -> Callable[[str], tuple[dict[str, Any], dict[str, Any]]]:
    """Settings with one service of a strategy, and the templates that are deployed of them."""

    @functools.cache
    def deployed(strategy: str) -> tuple[dict[str, Any], dict[str, Any]]:
        settings = copy.deepcopy(context["delivery"])
        del settings["services"][1:]
        settings["services"][0].update(STRATEGIES[strategy])
        return settings, templates(settings)

    return deployed


def edited(settings: dict[str, Any], edit: dict[str, Any]) -> dict[str, Any]:
    settings = copy.deepcopy(settings)
    (service,) = settings["services"]
    for name, value in edit.items():
        service[name] = {**service.get(name, {}), **value} if isinstance(value, dict) else value
    return settings


@functools.cache
def create_only(kind: str) -> list[str]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return [
        *schema.get("createOnlyProperties", ()),
        *schema.get("conditionalCreateOnlyProperties", ()),
        *DOUBTED.get(kind, ()),
    ]


def at(path: str, properties: dict[str, Any]) -> Any:
    found: Any = properties
    for part in path.removeprefix("/properties/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def lost(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Name what would be removed or replaced, with the property by which."""
    for stack, template in before.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] not in KEPT:
                continue
            now = after[stack]["Resources"].get(name)
            if now is None or now["Type"] != resource["Type"]:
                yield f"{name} is removed"
                continue
            for path in create_only(resource["Type"]):
                old, new = at(path, resource["Properties"]), at(path, now["Properties"])
                if old != new:
                    yield f"{name} is replaced by {path}"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_setting_of_a_service_replaces_anything(
    strategy: str,
    deployed: Callable[[str], tuple[dict[str, Any], dict[str, Any]]],
    templates: Templates,
) -> None:
    settings, before = deployed(strategy)
    assert list(lost(before, templates(edited(settings, OF_A_SERVICE)))) == []


@pytest.mark.parametrize("edit", OF_ECS)
def test_an_edit_of_a_traffic_shift_replaces_nothing(
    edit: str,
    deployed: Callable[[str], tuple[dict[str, Any], dict[str, Any]]],
    templates: Templates,
) -> None:
    settings, before = deployed("ECS")
    assert list(lost(before, templates(edited(settings, OF_ECS[edit])))) == []


def test_a_rolling_service_becomes_blue_green_and_nothing_is_replaced(
    deployed: Callable[[str], tuple[dict[str, Any], dict[str, Any]]], templates: Templates
) -> None:
    settings, before = deployed("rolling")
    assert list(lost(before, templates(edited(settings, ECS)))) == []


@pytest.mark.parametrize("edit", OF_PLATFORMS)
def test_an_edit_of_the_platform_replaces_nothing(
    edit: str,
    deployed: Callable[[str], tuple[dict[str, Any], dict[str, Any]]],
    templates: Templates,
) -> None:
    settings, before = deployed("ECS")
    assert list(lost(before, templates({**settings, "platform": OF_PLATFORMS[edit]}))) == []


def test_https_later_replaces_nothing_of_a_service_of_codedeploy_whose_green_group_is_live(
    deployed: Callable[[str], tuple[dict[str, Any], dict[str, Any]]], templates: Templates
) -> None:
    settings, before = deployed("CodeDeploy")
    green = edited(settings, {"blue_green": {"live_group": "green"}})
    after = templates({**green, "platform": OF_PLATFORMS["certificate"]})
    assert list(lost(before, after)) == []


def test_https_later_takes_the_traffic_before_http_redirects(
    deployed: Callable[[str], tuple[dict[str, Any], dict[str, Any]]], templates: Templates
) -> None:
    """The platform is deployed first: until a service has moved, its rule still takes HTTP."""
    settings, before = deployed("ECS")
    after = templates({**settings, "platform": OF_PLATFORMS["certificate"]})
    listeners = {
        listener["Properties"]["Port"]: (name, listener["Properties"]["DefaultActions"])
        for name, listener in after["delivery-platform"]["Resources"].items()
        if listener["Type"] == "AWS::ElasticLoadBalancingV2::Listener"
    }
    assert [action["Type"] for action in listeners[80][1]] == ["redirect"]
    made = after["delivery-my-container-app-service"]["Resources"]
    rules = {
        name: rule
        for name, rule in made.items()
        if rule["Type"] == "AWS::ElasticLoadBalancingV2::ListenerRule"
    }
    (old,) = set(rules) & set(before["delivery-my-container-app-service"]["Resources"])
    (new,) = set(rules) - {old}
    assert listeners[443][0] in str(rules[new]["Properties"]["ListenerArn"])
    assert [action["Type"] for action in rules[new]["Properties"]["Actions"]] == ["forward"]
    assert [action["Type"] for action in rules[old]["Properties"]["Actions"]] == ["redirect"]
    # First the new one, then the redirect, then the tasks, which ECS would stop behind the old one.
    assert rules[old]["DependsOn"] == [new]
    (service,) = (each for each in made.values() if each["Type"] == "AWS::ECS::Service")
    assert {old, new} <= set(service["DependsOn"])
    (balancer,) = service["Properties"]["LoadBalancers"]
    assert balancer["AdvancedConfiguration"]["ProductionListenerRule"] == {"Ref": new}
