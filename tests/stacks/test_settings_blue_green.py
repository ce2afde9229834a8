"""The strategy ``blue-green``: each setting gets where it is meant to, and bad ones are named."""

import json
import re
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
EXISTING_PLATFORM = {
    "vpc_id": "vpc-0a",
    "availability_zones": ["a"],
    "private_subnet_ids": ["subnet-0a"],
    "cluster_name": "c",
    "listener_arn": "arn:aws:elasticloadbalancing:r:a:listener/app/a/b/c",
    "load_balancer_security_group_id": "sg-0a",
}
TEST_LISTENER = {"test_listener_arn": "arn:aws:elasticloadbalancing:r:a:listener/app/a/b/d"}
CODE_DEPLOY = {"engine": "code-deploy"}

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


def test_somebody_lets_a_shift_of_ecs_go_on(templates: Templates) -> None:
    found = templates(settings(blue_green={"pause_minutes": 7}))
    (service,) = resources(found["acme-shop-service"], "AWS::ECS::Service")
    assert service["DeploymentConfiguration"]["LifecycleHooks"] == [
        {
            "TargetType": "PAUSE",
            "LifecycleStages": ["POST_SCALE_UP"],
            "TimeoutConfiguration": {"TimeoutInMinutes": 7, "Action": "ROLLBACK"},
        }
    ]
    assert deploy(found["acme-shop-pipeline"])["Configuration"]["DeploymentTimeout"] == 41


def test_somebody_lets_a_shift_of_code_deploy_go_on(templates: Templates) -> None:
    found = templates(settings(blue_green={**CODE_DEPLOY, "approval_minutes": 90}))
    (group,) = resources(found["acme-shop-pipeline"], "AWS::CodeDeploy::DeploymentGroup")
    assert group["BlueGreenDeploymentConfiguration"]["DeploymentReadyOption"] == {
        "ActionOnTimeout": "STOP_DEPLOYMENT",
        "WaitTimeInMinutes": 90,
    }


def test_nobody_and_no_alarm_is_waited_for_by_default(templates: Templates) -> None:
    found = templates(settings())
    (service,) = resources(found["acme-shop-service"], "AWS::ECS::Service")
    assert {"LifecycleHooks", "Alarms"} & set(service["DeploymentConfiguration"]) == set()
    found = templates(settings(blue_green=CODE_DEPLOY))
    (group,) = resources(found["acme-shop-pipeline"], "AWS::CodeDeploy::DeploymentGroup")
    ready = group["BlueGreenDeploymentConfiguration"]["DeploymentReadyOption"]
    assert ready["ActionOnTimeout"] == "CONTINUE_DEPLOYMENT"
    assert group.get("AlarmConfiguration", {}).get("Alarms", []) == []


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
        ({"blue_green": {"pause_minutes": 0}}, r"blue_green\.pause_minutes: .*equal to 1; got 0"),
        (
            {"blue_green": {"pause_minutes": 20161}},
            r"blue_green\.pause_minutes: .*20160; got 20161",
        ),
        (
            {"blue_green": {**CODE_DEPLOY, "approval_minutes": 0}},
            r"blue_green\.approval_minutes: .*equal to 1; got 0",
        ),
        (
            {"blue_green": {**CODE_DEPLOY, "approval_minutes": 2881}},
            r"blue_green\.approval_minutes: .*2880; got 2881",
        ),
        (
            {"blue_green": {**CODE_DEPLOY, "pause_minutes": 9}},
            r"0\.blue_green: pause_minutes must .* 'code-deploy', got 9: set approval_minutes",
        ),
        (
            {"blue_green": {"approval_minutes": 9}},
            r"0\.blue_green: approval_minutes must .* 'ecs', got 9: set pause_minutes",
        ),
        (
            {"blue_green": {"alarm_names": ["a", "b", "a"]}},
            r"services\.0\.blue_green: alarm_names must name each alarm once, got a more than once",
        ),
        ({"blue_green": {"alarm_names": [" "]}}, r"blue_green\.alarm_names\.0: .*got ' '"),
        (
            {"blue_green": {"alarm_names": [f"alarm-{number}" for number in range(11)]}},
            r"blue_green\.alarm_names: .*at most 10 items",
        ),
        ({"blue_green": {"probe": {"path": "up"}}}, r"probe\.path: must start with '/'.*got 'up'"),
        ({"blue_green": {"probe": {"path": "/a b"}}}, r"probe\.path: .*got '/a b'"),
        ({"blue_green": {"probe": {"status": 99}}}, r"probe\.status: .*equal to 100; got 99"),
        ({"blue_green": {"probe": {"status": 600}}}, r"probe\.status: .*equal to 599; got 600"),
        ({"blue_green": {"probe": {"timeout_seconds": 0}}}, r"probe\.timeout_seconds: .*1; got 0"),
        (
            {"blue_green": {"probe": {"timeout_seconds": 601}}},
            r"probe\.timeout_seconds: .*600; got 601",
        ),
        ({"blue_green": {"probe": {"url": "x"}}}, r"blue_green\.probe\.url: is not a setting"),
    ],
)
def test_bad_settings_are_named(service: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_context(settings(**service))


@pytest.mark.parametrize(
    ("blue_green", "message"),
    [
        ({"keep_minutes": 50}, "'service' must be deployed within 1 hour"),
        ({"pause_minutes": 45}, "'service' must be deployed within 1 hour.*pause"),
        ({"traffic_shift": {"percent": 2}}, "'traffic_shift.linear.percent' must be from 3.0"),
    ],
)
def test_what_the_constructs_refuse_is_named_too(
    templates: Templates, blue_green: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=rf"delivery\.services\.0: .*{message}"):
        templates(settings(blue_green=blue_green))


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        (
            {},
            r"come with a test listener, .*, got it for shop without one: set platform\.test_port$",
        ),
        (
            {"existing": EXISTING_PLATFORM},
            r"come with a test listener, .*: set platform\.existing\.test_listener_arn$",
        ),
        (
            {"existing": {**EXISTING_PLATFORM, **TEST_LISTENER}},
            r"come with platform\.existing\.test_url .* got it for shop without: say there",
        ),
    ],
)
@pytest.mark.parametrize("engine", ["ecs", "code-deploy"])
def test_a_probe_needs_a_test_listener_that_it_reaches(
    platform: dict[str, Any], message: str, engine: str
) -> None:
    given = settings(blue_green={"engine": engine, "probe": {}})
    with pytest.raises(SettingsError, match=rf"services\.N\.blue_green\.probe must {message}"):
        Settings.from_context({**given, "platform": platform})


PATHS = [
    ("/*", "/", True),
    ("/shop/*", "/shop/", True),
    ("/shop/*", "/shop/a/b?next=/", True),
    ("/shop/*", "/shop", False),
    ("/shop/*", "/health", False),
    ("/shop/*", "/Shop/up", False),
    ("/v?/*", "/v1/up", True),
    ("/v?/*", "/v10/up", False),
    ("/a.b", "/a.b", True),
    ("/a.b", "/axb", False),
    ("/[ab]", "/a", False),
    ("/up", "/up?x=/down", True),
]


@pytest.mark.parametrize(("pattern", "path"), [(p, path) for p, path, leads in PATHS if leads])
def test_a_probe_may_ask_for_what_leads_to_the_service(pattern: str, path: str) -> None:
    given = settings(path_pattern=pattern, blue_green={"probe": {"path": path}})
    read = Settings.from_context({**given, "platform": {"test_port": 8443}})
    assert read.services[0].blue_green is not None
    assert read.services[0].blue_green.probe is not None
    assert read.services[0].blue_green.probe.path == path


@pytest.mark.parametrize(("pattern", "path"), [(p, path) for p, path, leads in PATHS if not leads])
def test_a_probe_may_ask_for_nothing_else(pattern: str, path: str) -> None:
    given = settings(path_pattern=pattern, blue_green={"probe": {"path": path}})
    expected = (
        f"services.0: blue_green.probe.path must match path_pattern ('{pattern}'), for the load "
        f"balancer sends the service nothing else, got '{path}'"
    )
    with pytest.raises(SettingsError, match=re.escape(expected)):
        Settings.from_context({**given, "platform": {"test_port": 8443}})
