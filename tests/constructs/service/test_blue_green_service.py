"""A load-balanced service whose tasks are replaced by a traffic shift."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from container_pipelines import (
    CodeDeployBlueGreen,
    EcrRepo,
    EcsBlueGreen,
    HealthCheck,
    HookStage,
    HttpProbe,
    LiveGroup,
    LoadBalancedService,
    OnTimeout,
    Pause,
    Scaling,
    TrafficShift,
    ValidationHook,
)

SERVICE = "AWS::ECS::Service"
RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
BLUE, GREEN = {"Ref": "ServiceTargetGroupE74A3394"}, {"Ref": "ServiceGreenTargetGroup3BE32266"}
PRODUCTION, TEST = (
    {"Ref": "ServiceListenerRuleB0C7BD55"},
    {"Ref": "ServiceTestListenerRuleD22705A2"},
)

Make = Callable[..., LoadBalancedService]
Properties = Callable[[str], dict[str, dict[str, Any]]]
Statements = Callable[[cdk.Stack, str], list[dict[str, Any]]]


def service(properties: Properties) -> dict[str, Any]:
    (found,) = properties(SERVICE).values()
    return found


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (TrafficShift.all_at_once(), {"Strategy": "BLUE_GREEN"}),
        (
            TrafficShift.linear(20, Duration.minutes(2)),
            {
                "Strategy": "LINEAR",
                "LinearConfiguration": {"StepPercent": 20, "StepBakeTimeInMinutes": 2},
            },
        ),
        (
            TrafficShift.canary(0.5, Duration.minutes(30)),
            {
                "Strategy": "CANARY",
                "CanaryConfiguration": {"CanaryPercent": 0.5, "CanaryBakeTimeInMinutes": 30},
            },
        ),
    ],
)
def test_ecs_gets_a_strategy_and_no_circuit_breaker(
    make_service: Make, properties: Properties, shift: TrafficShift, expected: dict[str, Any]
) -> None:
    make_service(deployment=EcsBlueGreen(traffic_shift=shift, bake_time=Duration.minutes(7)))
    found = service(properties)
    assert found["DeploymentController"] == {"Type": "ECS"}
    configuration = found["DeploymentConfiguration"]
    configuration.pop("Alarms")
    assert configuration == {
        "BakeTimeInMinutes": 7,
        "MaximumPercent": 200,
        "MinimumHealthyPercent": 100,
        **expected,
    }


@pytest.mark.parametrize(
    "deployment", [None, EcsBlueGreen(), EcsBlueGreen(circuit_breaker=True)], ids=range(3)
)
@pytest.mark.parametrize("flag", [True, False])
def test_ecs_is_the_controller_in_the_same_words_for_each_of_its_strategies(
    stack: cdk.Stack,
    make_service: Make,
    properties: Properties,
    deployment: EcsBlueGreen | None,
    flag: bool,
) -> None:
    """A change of it might replace the service; a flag of the app would change it."""
    name = "@aws-cdk/aws-ecs:disableExplicitDeploymentControllerForCircuitBreaker"
    stack.node.set_context(name, flag)
    make_service(deployment=deployment)
    assert service(properties)["DeploymentController"] == {"Type": "ECS"}


def test_the_circuit_breaker_can_be_had(make_service: Make, properties: Properties) -> None:
    make_service(deployment=EcsBlueGreen(circuit_breaker=True))
    configuration = service(properties)["DeploymentConfiguration"]
    assert configuration["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_ecs_knows_both_groups_and_both_rules(
    make_service: Make, properties: Properties, test_listener: elbv2.ApplicationListener
) -> None:
    make_service(deployment=EcsBlueGreen(test_listener=test_listener))
    (balancer,) = service(properties)["LoadBalancers"]
    role = balancer["AdvancedConfiguration"].pop("RoleArn")
    assert role["Fn::GetAtt"][0].startswith("ServiceInfrastructureRole")
    assert balancer == {
        "ContainerName": "app",
        "ContainerPort": 3000,
        "TargetGroupArn": BLUE,
        "AdvancedConfiguration": {
            "AlternateTargetGroupArn": GREEN,
            "ProductionListenerRule": PRODUCTION,
            "TestListenerRule": TEST,
        },
    }


def test_without_a_test_listener_ecs_knows_one_rule(
    make_service: Make, properties: Properties
) -> None:
    made = make_service(deployment=EcsBlueGreen())
    (balancer,) = service(properties)["LoadBalancers"]
    assert balancer["AdvancedConfiguration"]["ProductionListenerRule"] == PRODUCTION
    assert "TestListenerRule" not in balancer["AdvancedConfiguration"]
    assert made.test_listener_rule is None
    assert len(properties(RULE)) == 1


def weights(rule: dict[str, Any]) -> dict[str, int]:
    (action,) = rule["Actions"]
    groups = action["ForwardConfig"]["TargetGroups"]
    return {group["TargetGroupArn"]["Ref"]: group["Weight"] for group in groups}


@pytest.mark.parametrize(("live", "blue"), [(LiveGroup.BLUE, 100), (LiveGroup.GREEN, 0)])
def test_each_rule_of_ecs_has_both_groups_with_the_live_one_in_production(
    make_service: Make,
    properties: Properties,
    test_listener: elbv2.ApplicationListener,
    live: LiveGroup,
    blue: int,
) -> None:
    make_service(deployment=EcsBlueGreen(test_listener=test_listener, live_group=live), priority=7)
    rules = properties(RULE)
    assert weights(rules[PRODUCTION["Ref"]]) == {BLUE["Ref"]: blue, GREEN["Ref"]: 100 - blue}
    assert weights(rules[TEST["Ref"]]) == {BLUE["Ref"]: 100 - blue, GREEN["Ref"]: blue}
    assert {rule["Priority"] for rule in rules.values()} == {7}
    assert rules[PRODUCTION["Ref"]]["Conditions"] == rules[TEST["Ref"]]["Conditions"]


@pytest.mark.parametrize(
    ("live", "production", "test"),
    [(LiveGroup.BLUE, BLUE, GREEN), (LiveGroup.GREEN, GREEN, BLUE)],
)
def test_each_rule_of_code_deploy_has_one_group(
    make_service: Make,
    properties: Properties,
    test_listener: elbv2.ApplicationListener,
    live: LiveGroup,
    production: Any,
    test: Any,
) -> None:
    make_service(deployment=CodeDeployBlueGreen(test_listener=test_listener, live_group=live))
    rules = properties(RULE)
    for rule, group in ((PRODUCTION, production), (TEST, test)):
        assert rules[rule["Ref"]]["Actions"] == [{"Type": "forward", "TargetGroupArn": group}]


@pytest.mark.parametrize(
    "options",
    [
        {"environment": {"STAGE": "prod"}},
        {"cpu": 512, "memory": 1024},
        {"health_check": HealthCheck(path="/up")},
        {"container_port": 8080},
        {"desired_count": 4},
        {"scaling": Scaling()},
        {"deployment": EcsBlueGreen(bake_time=Duration.minutes(1))},
        {"deployment": EcsBlueGreen(traffic_shift=TrafficShift.all_at_once())},
        {"deployment": EcsBlueGreen(pause=Pause(timeout=Duration.minutes(9)))},
        {"deployment": EcsBlueGreen(circuit_breaker=True)},
    ],
    ids=lambda options: "-".join(options),
)
def test_no_other_setting_touches_the_rule_whose_weights_are_ecss(
    in_an_app_of_its_own: Callable[[dict[str, Any]], Any], options: dict[str, Any]
) -> None:
    before = in_an_app_of_its_own({"deployment": EcsBlueGreen()})
    assert in_an_app_of_its_own({"deployment": EcsBlueGreen(), **options}) == before


@pytest.fixture
def in_an_app_of_its_own() -> Callable[[dict[str, Any]], Any]:
    """Make a service and give its listener rule, with its logical id."""

    def rule(options: dict[str, Any]) -> Any:
        app = cdk.App()
        stack, platform = cdk.Stack(app, "Stack"), cdk.Stack(app, "Platform")
        images = EcrRepo(cdk.Stack(app, "Registry"), "Images", repository_name="my-app")
        vpc = ec2.Vpc(platform, "Vpc", max_azs=2, restrict_default_security_group=False)
        balancer = elbv2.ApplicationLoadBalancer(platform, "LoadBalancer", vpc=vpc)
        action = elbv2.ListenerAction.fixed_response(404)
        LoadBalancedService(
            stack,
            "Service",
            cluster=ecs.Cluster(platform, "Cluster", vpc=vpc),
            listener=balancer.add_listener("Http", port=80, default_action=action),
            repository=images.repository,
            image_pointer=images.image_pointer,
            **options,
        )
        return Template.from_stack(stack).find_resources(RULE)

    return rule


def test_both_groups_are_checked_alike(make_service: Make, properties: Properties) -> None:
    make_service(deployment=EcsBlueGreen(), health_check=HealthCheck(path="/up"))
    blue, green = properties("AWS::ElasticLoadBalancingV2::TargetGroup").values()
    assert blue == green
    assert blue["HealthCheckPath"] == "/up"


def test_the_infrastructure_role_moves_this_traffic_alone(
    stack: cdk.Stack,
    make_service: Make,
    statements: Statements,
    test_listener: elbv2.ApplicationListener,
) -> None:
    make_service(deployment=EcsBlueGreen(test_listener=test_listener))
    describe, targets, rules = statements(stack, "ServiceInfrastructureRole")
    assert describe["Resource"] == "*"
    assert {":Describe" in action for action in describe["Action"]} == {True}
    assert targets["Action"] == [
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:RegisterTargets",
    ]
    assert targets["Resource"] == [BLUE, GREEN]
    assert rules["Action"] == "elasticloadbalancing:ModifyRule"
    assert rules["Resource"] == [PRODUCTION, TEST]


def test_a_new_service_waits_for_its_role_its_rules_and_its_hooks(
    stack: cdk.Stack,
    make_service: Make,
    template: Callable[[cdk.Stack], Any],
    test_listener: elbv2.ApplicationListener,
) -> None:
    make_service(deployment=EcsBlueGreen(test_listener=test_listener, hooks=[HttpProbe()]))
    (found,) = template(stack).find_resources(SERVICE).values()
    for prefix in (
        "ServiceInfrastructureRoleDefaultPolicy",
        "ServiceListenerRule",
        "ServiceTestListenerRule",
        "ServiceHookRoleDefaultPolicy",
        "ServiceHook1Function",
    ):
        assert [name for name in found["DependsOn"] if name.startswith(prefix)], prefix


def test_hooks_of_ecs_have_one_role_that_calls_them_alone(
    stack: cdk.Stack,
    make_service: Make,
    properties: Properties,
    statements: Statements,
    test_listener: elbv2.ApplicationListener,
    function: lambda_.Function,
) -> None:
    hooks = [HttpProbe(), ValidationHook(function=function, at=HookStage.BEFORE_START)]
    make_service(deployment=EcsBlueGreen(test_listener=test_listener, hooks=hooks))
    probe, validation = service(properties)["DeploymentConfiguration"]["LifecycleHooks"]
    assert probe["LifecycleStages"] == ["POST_TEST_TRAFFIC_SHIFT"]
    assert validation["LifecycleStages"] == ["PRE_SCALE_UP"]
    assert probe["RoleArn"] == validation["RoleArn"]
    (invoke,) = statements(stack, "ServiceHookRole")
    assert invoke["Action"] == "lambda:InvokeFunction"
    assert invoke["Resource"] == [probe["HookTargetArn"], validation["HookTargetArn"]]


@pytest.mark.parametrize("tested", [True, False])
def test_a_pause_stands_behind_the_hooks(
    make_service: Make,
    properties: Properties,
    test_listener: elbv2.ApplicationListener,
    function: lambda_.Function,
    tested: bool,
) -> None:
    make_service(
        deployment=EcsBlueGreen(
            test_listener=test_listener if tested else None,
            hooks=[ValidationHook(function=function, at=HookStage.AFTER_START)],
            pause=Pause(timeout=Duration.minutes(30), on_timeout=OnTimeout.CONTINUE),
        )
    )
    _, pause = service(properties)["DeploymentConfiguration"]["LifecycleHooks"]
    assert pause == {
        "TargetType": "PAUSE",
        "LifecycleStages": ["POST_TEST_TRAFFIC_SHIFT" if tested else "POST_SCALE_UP"],
        "TimeoutConfiguration": {"TimeoutInMinutes": 30, "Action": "CONTINUE"},
    }


def test_a_pause_needs_no_hook(make_service: Make, properties: Properties) -> None:
    make_service(deployment=EcsBlueGreen(pause=Pause(timeout=Duration.minutes(5))))
    (pause,) = service(properties)["DeploymentConfiguration"]["LifecycleHooks"]
    assert pause["TimeoutConfiguration"] == {"TimeoutInMinutes": 5, "Action": "ROLLBACK"}


def test_alarms_roll_a_deployment_of_ecs_back(
    make_service: Make, properties: Properties, alarm: cloudwatch.IAlarm
) -> None:
    make_service(deployment=EcsBlueGreen(alarms=[alarm]))
    assert service(properties)["DeploymentConfiguration"]["Alarms"] == {
        "AlarmNames": ["errors"],
        "Enable": True,
        "Rollback": True,
    }


def test_a_service_of_code_deploy_names_its_family_alone(
    make_service: Make, properties: Properties
) -> None:
    make_service(deployment=CodeDeployBlueGreen(), service_name="shop")
    found = service(properties)
    assert found["DeploymentController"] == {"Type": "CODE_DEPLOY"}
    assert found["TaskDefinition"] == "shop"
    assert found["LoadBalancers"] == [
        {"ContainerName": "app", "ContainerPort": 3000, "TargetGroupArn": BLUE}
    ]
    assert found["DeploymentConfiguration"] == {"MaximumPercent": 200, "MinimumHealthyPercent": 100}


def probe_variables(properties: Properties) -> dict[str, Any]:
    functions = [
        function
        for function in properties("AWS::Lambda::Function").values()
        if function["Handler"] == "http_probe.handler.handle"
    ]
    (probe,) = functions
    variables: dict[str, Any] = probe["Environment"]["Variables"]
    return variables


def test_the_probe_asks_the_test_listener(
    make_service: Make, properties: Properties, test_listener: elbv2.ApplicationListener
) -> None:
    probe = HttpProbe(path="/ready?x=1", status=204, timeout=Duration.seconds(90))
    make_service(deployment=EcsBlueGreen(test_listener=test_listener, hooks=[probe]))
    variables = probe_variables(properties)
    scheme, name, rest = variables.pop("PROBE_URL")["Fn::Join"][1]
    assert (scheme, rest) == ("http://", ":9000/ready?x=1")
    assert "LoadBalancer" in json.dumps(name)
    assert variables == {"PROBE_STATUS": "204", "PROBE_TIMEOUT": "90"}
    (function,) = properties("AWS::Lambda::Function").values()
    assert function["Timeout"] == 150


def test_the_probe_asks_for_the_host_of_the_rule(
    make_service: Make, properties: Properties, test_listener: elbv2.ApplicationListener
) -> None:
    make_service(
        deployment=EcsBlueGreen(
            test_listener=test_listener, hooks=[HttpProbe(base_url="https://test.example.com")]
        ),
        host_headers=["*.example.com", "shop.example.com"],
    )
    variables = probe_variables(properties)
    assert variables["PROBE_URL"] == "https://test.example.com/health"
    assert variables["PROBE_HOST"] == "shop.example.com"


def test_the_probe_may_run_in_a_vpc(
    stack: cdk.Stack,
    make_service: Make,
    properties: Properties,
    statements: Statements,
    platform: SimpleNamespace,
    test_listener: elbv2.ApplicationListener,
) -> None:
    make_service(
        deployment=EcsBlueGreen(test_listener=test_listener, hooks=[HttpProbe(vpc=platform.vpc)])
    )
    (function,) = properties("AWS::Lambda::Function").values()
    assert len(function["VpcConfig"]["SubnetIds"]) == 2
    _, interfaces, denied = statements(stack, "ServiceHook1Role")
    assert {action.startswith("ec2:") for action in interfaces["Action"]} == {True}
    # Lambda makes them with this role; the function's code may not.
    assert denied["Action"] == interfaces["Action"]
    assert denied["Effect"] == "Deny"
    assert denied["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}


def test_a_probe_needs_a_test_listener(make_service: Make) -> None:
    with pytest.raises(ValueError, match="'test_listener' must be given for a HttpProbe at test"):
        make_service(deployment=EcsBlueGreen(hooks=[HttpProbe()]))


def test_a_hook_at_test_traffic_needs_a_test_listener(
    make_service: Make, function: lambda_.Function
) -> None:
    with pytest.raises(ValueError, match="must be given for a ValidationHook at test traffic"):
        make_service(deployment=EcsBlueGreen(hooks=[ValidationHook(function=function)]))


def test_where_the_probe_asks_must_be_known(
    stack: cdk.Stack, make_service: Make, platform: SimpleNamespace
) -> None:
    imported = elbv2.ApplicationListener.from_application_listener_attributes(
        stack,
        "Imported",
        listener_arn="arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/a/b/c",
        security_group=platform.listener.load_balancer.connections.security_groups[0],
    )
    with pytest.raises(ValueError, match=r"'http_probe.base_url' must be given for a test"):
        make_service(deployment=EcsBlueGreen(test_listener=imported, hooks=[HttpProbe()]))


def test_the_test_listener_is_another_one(make_service: Make, platform: SimpleNamespace) -> None:
    deployment = EcsBlueGreen(test_listener=platform.listener)
    with pytest.raises(ValueError, match="must be another listener than 'listener', got the same"):
        make_service(deployment=deployment)


@pytest.mark.parametrize("deployment", [EcsBlueGreen(), CodeDeployBlueGreen()])
def test_requests_of_one_group_are_nothing_to_scale_by(make_service: Make, deployment: Any) -> None:
    with pytest.raises(ValueError, match=r"'scaling.requests_per_task' must be left out .* got 9"):
        make_service(deployment=deployment, scaling=Scaling(requests_per_task=9))


def test_a_service_that_rolls_has_one_group_and_no_role_for_traffic(
    stack: cdk.Stack, make_service: Make, properties: Properties, statements: Statements
) -> None:
    made = make_service()
    assert (made.deployment, made.green_target_group) == (None, None)
    assert len(properties("AWS::ElasticLoadBalancingV2::TargetGroup")) == 1
    assert statements(stack, "ServiceInfrastructureRole") == []
    with pytest.raises(ValueError, match=r"'deployment' must be a CodeDeployBlueGreen .* NoneType"):
        _ = made.code_deploy_target


@pytest.mark.parametrize("engine", [EcsBlueGreen, CodeDeployBlueGreen])
def test_nothing_is_left_for_a_security_check_to_find(
    stack: cdk.Stack,
    make_service: Make,
    nag: Callable[[cdk.Stack], list[str]],
    platform: SimpleNamespace,
    test_listener: elbv2.ApplicationListener,
    engine: Any,
) -> None:
    probe = HttpProbe(vpc=platform.vpc)
    make_service(deployment=engine(test_listener=test_listener, hooks=[probe]))
    assert nag(stack) == []
