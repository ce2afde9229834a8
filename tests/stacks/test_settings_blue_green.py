"""The strategy ``blue-green``: each setting gets where it is meant to, and bad ones are named."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks import Settings
from tests.mistakes import mistakes

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
        (
            {"blue_green": {"engine": "ECS"}},
            "services[0].blue_green.engine: must be 'ecs' or 'code-deploy', got 'ECS'",
        ),
        (
            {"blue_green": {"keep_minutes": 2881}},
            "services[0].blue_green.keep_minutes: must be at most 2880, got 2881",
        ),
        (
            {"blue_green": {"traffic_shift": {"percent": 0}}},
            "services[0].blue_green.traffic_shift.percent: must be above 0, got 0",
        ),
        (
            {"blue_green": {"test_port": 1}},
            (
                "services[0].blue_green.test_port: is not a setting; those here are engine, "
                "traffic_shift, keep_minutes, live_group, probe, pause_minutes, "
                "approval_minutes, alarm_names"
            ),
        ),
        (
            {"existing_service": EXISTING, "blue_green": {"keep_minutes": 9}},
            (
                "services[0].blue_green.keep_minutes: must be left out with existing_service, "
                "whose own strategy ECS follows"
            ),
        ),
        (
            {"blue_green": {"engine": "code-deploy"}, "deployment_timeout_minutes": 30},
            (
                "services[0].deployment_timeout_minutes: must be left out with the engine "
                "'code-deploy', whose action has none"
            ),
        ),
        (
            {"blue_green": {"pause_minutes": 0}},
            "services[0].blue_green.pause_minutes: must be at least 1, got 0",
        ),
        (
            {"blue_green": {"pause_minutes": 20161}},
            "services[0].blue_green.pause_minutes: must be at most 20160, got 20161",
        ),
        (
            {"blue_green": {**CODE_DEPLOY, "approval_minutes": 0}},
            "services[0].blue_green.approval_minutes: must be at least 1, got 0",
        ),
        (
            {"blue_green": {**CODE_DEPLOY, "approval_minutes": 2881}},
            "services[0].blue_green.approval_minutes: must be at most 2880, got 2881",
        ),
        (
            {"blue_green": {**CODE_DEPLOY, "pause_minutes": 9}},
            (
                "services[0].blue_green.pause_minutes: must be left out with the engine "
                "'code-deploy', got 9: set approval_minutes, by which that engine waits for "
                "somebody"
            ),
        ),
        (
            {"blue_green": {"approval_minutes": 9}},
            (
                "services[0].blue_green.approval_minutes: must be left out with the engine "
                "'ecs', got 9: set pause_minutes, by which that engine waits for somebody"
            ),
        ),
        (
            {"blue_green": {"alarm_names": ["a", "b", "a"]}},
            "services[0].blue_green.alarm_names: must name each once, got a more than once",
        ),
        (
            {"blue_green": {"alarm_names": [" "]}},
            "services[0].blue_green.alarm_names[0]: must be the name of an alarm, got ' '",
        ),
        (
            {"blue_green": {"alarm_names": [f"alarm-{number}" for number in range(11)]}},
            "services[0].blue_green.alarm_names: must be a list of at most 10, got 11",
        ),
        (
            {"blue_green": {"probe": {"path": "up"}}},
            "services[0].blue_green.probe.path: must start with '/', for example '/up', got 'up'",
        ),
        (
            {"blue_green": {"probe": {"path": "/a b"}}},
            "services[0].blue_green.probe.path: must not have spaces, got '/a b'",
        ),
        (
            {"blue_green": {"probe": {"status": 99}}},
            "services[0].blue_green.probe.status: must be at least 100, got 99",
        ),
        (
            {"blue_green": {"probe": {"status": 600}}},
            "services[0].blue_green.probe.status: must be at most 599, got 600",
        ),
        (
            {"blue_green": {"probe": {"timeout_seconds": 0}}},
            "services[0].blue_green.probe.timeout_seconds: must be at least 1, got 0",
        ),
        (
            {"blue_green": {"probe": {"timeout_seconds": 601}}},
            "services[0].blue_green.probe.timeout_seconds: must be at most 600, got 601",
        ),
        (
            {"blue_green": {"probe": {"url": "x"}}},
            (
                "services[0].blue_green.probe.url: is not a setting; those here are path, "
                "status, timeout_seconds"
            ),
        ),
    ],
)
def test_bad_settings_are_named(service: dict[str, Any], message: str) -> None:
    assert mistakes(settings(**service)) == [message]


@pytest.mark.parametrize(
    ("blue_green", "message"),
    [
        (
            {"keep_minutes": 50},
            (
                "services[0].blue_green: traffic_shift, keep_minutes, probe and "
                "pause_minutes must together take at most 55 minutes, after which "
                "CodePipeline no longer waits for ECS, got 59: shorten them, or set the "
                "engine 'code-deploy'"
            ),
        ),
        (
            {"pause_minutes": 45},
            (
                "services[0].blue_green: traffic_shift, keep_minutes, probe and "
                "pause_minutes must together take at most 55 minutes, after which "
                "CodePipeline no longer waits for ECS, got 59: shorten them, or set the "
                "engine 'code-deploy'"
            ),
        ),
        (
            {"traffic_shift": {"percent": 2}},
            (
                "services[0].blue_green.traffic_shift.percent: must be from 3 to 100 in "
                "steps of 0.1 for ECS's linear shifts, got 2"
            ),
        ),
    ],
)
def test_what_an_engine_does_not_take_is_named(blue_green: dict[str, Any], message: str) -> None:
    assert mistakes(settings(blue_green=blue_green)) == [message]


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        (
            {},
            (
                "must come with a test listener, which leads to the new version: set "
                "platform.test_port"
            ),
        ),
        (
            {"existing": EXISTING_PLATFORM},
            (
                "must come with a test listener, which leads to the new version: set "
                "platform.existing.test_listener_arn"
            ),
        ),
        (
            {"existing": {**EXISTING_PLATFORM, **TEST_LISTENER}},
            (
                "must come with platform.existing.test_url, where the test listener is reached on "
                "a platform that is there already, such as 'http://test.example.com:8080'"
            ),
        ),
    ],
)
@pytest.mark.parametrize("engine", ["ecs", "code-deploy"])
def test_a_probe_needs_a_test_listener_that_it_reaches(
    platform: dict[str, Any], message: str, engine: str
) -> None:
    given = settings(blue_green={"engine": engine, "probe": {}})
    assert mistakes({**given, "platform": platform}) == [f"services[0].blue_green.probe: {message}"]


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
    assert mistakes({**given, "platform": {"test_port": 8443}}) == [
        (
            f"services[0].blue_green.probe.path: must match path_pattern ('{pattern}'), for the "
            f"load balancer sends the service nothing else, got '{path}': name a path that it "
            "answers there"
        )
    ]
