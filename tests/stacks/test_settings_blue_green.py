"""The strategy ``blue-green``: each setting gets where it is meant to, and bad ones are named."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks import Settings, SettingsError

SOURCE = {"type": "github", "repository": "acme/shop"}
EXISTING = {
    "cluster_name": "c",
    "service_name": "s",
    "container_name": "app",
    "task_role_arns": ["arn:aws:iam::111122223333:role/x"],
}

Templates = Callable[[dict[str, Any]], dict[str, Any]]


def settings(**service: Any) -> dict[str, Any]:
    return {
        "name": "acme",
        "services": [{"name": "shop", "source": SOURCE, "strategy": "blue-green", **service}],
    }


def resources(template: dict[str, Any], resource_type: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == resource_type]


def deploy(template: dict[str, Any]) -> dict[str, Any]:
    (pipeline,) = resources(template, "AWS::CodePipeline::Pipeline")
    (stage,) = [stage for stage in pipeline["Stages"] if stage["Name"] == "Deploy"]
    action: dict[str, Any] = stage["Actions"][0]
    return action


def test_ecs_shifts_by_default(templates: Templates) -> None:
    found = templates(settings())
    (service,) = resources(found["acme-shop-service"], "AWS::ECS::Service")
    configuration = service["DeploymentConfiguration"]
    assert (configuration["Strategy"], configuration["BakeTimeInMinutes"]) == ("LINEAR", 5)
    action = deploy(found["acme-shop-pipeline"])
    assert action["ActionTypeId"]["Provider"] == "ECS"
    assert action["Configuration"]["DeploymentTimeout"] == 34


def test_every_setting_reaches_ecs(templates: Templates) -> None:
    shift = {"type": "canary", "percent": 2.5, "minutes": 12}
    blue_green = {"traffic_shift": shift, "keep_minutes": 8, "live_group": "green"}
    found = templates(settings(blue_green=blue_green, deployment_timeout_minutes=50))
    (service,) = resources(found["acme-shop-service"], "AWS::ECS::Service")
    configuration = service["DeploymentConfiguration"]
    assert configuration["CanaryConfiguration"] == {
        "CanaryPercent": 2.5,
        "CanaryBakeTimeInMinutes": 12,
    }
    assert configuration["BakeTimeInMinutes"] == 8
    (rule,) = resources(found["acme-shop-service"], "AWS::ElasticLoadBalancingV2::ListenerRule")
    groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
    assert [group["Weight"] for group in groups] == [0, 100]
    assert deploy(found["acme-shop-pipeline"])["Configuration"]["DeploymentTimeout"] == 50


def test_every_setting_reaches_code_deploy(templates: Templates) -> None:
    blue_green = {
        "engine": "code-deploy",
        "traffic_shift": {"type": "all-at-once"},
        "keep_minutes": 120,
    }
    found = templates(settings(blue_green=blue_green))
    pipeline = found["acme-shop-pipeline"]
    (group,) = resources(pipeline, "AWS::CodeDeploy::DeploymentGroup")
    assert group["DeploymentConfigName"] == "CodeDeployDefault.ECSAllAtOnce"
    assert '"TerminationWaitTimeInMinutes": 120' in json.dumps(group)
    assert deploy(pipeline)["ActionTypeId"]["Provider"] == "CodeDeployToECS"
    (service,) = resources(found["acme-shop-service"], "AWS::ECS::Service")
    assert service["DeploymentController"] == {"Type": "CODE_DEPLOY"}


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ({"blue_green": {"engine": "ECS"}}, r"blue_green\.engine: .*'ecs'.*got 'ECS'"),
        ({"blue_green": {"keep_minutes": 2881}}, r"blue_green\.keep_minutes: .*2880"),
        ({"blue_green": {"traffic_shift": {"percent": 0}}}, r"traffic_shift\.percent: .*0"),
        ({"blue_green": {"test_port": 1}}, r"blue_green\.test_port: is not a setting"),
        ({"existing_service": EXISTING}, "strategy must be 'rolling' with existing_service"),
        (
            {"blue_green": {"engine": "code-deploy"}, "deployment_timeout_minutes": 30},
            "deployment_timeout_minutes must be left out with the engine 'code-deploy'",
        ),
    ],
)
def test_bad_settings_are_named(service: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_context(settings(**service))


@pytest.mark.parametrize(
    ("blue_green", "message"),
    [
        ({"keep_minutes": 50}, "'service' must be deployed within 1 hour"),
        ({"traffic_shift": {"percent": 2}}, "'traffic_shift.linear.percent' must be from 3.0"),
    ],
)
def test_what_the_constructs_refuse_is_named_too(
    templates: Templates, blue_green: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=rf"delivery\.services\.0: .*{message}"):
        templates(settings(blue_green=blue_green))
