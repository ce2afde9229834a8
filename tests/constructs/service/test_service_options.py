"""What a load-balanced service takes beyond its defaults, and what does not go together."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk.assertions import Match, Template

from container_pipelines import (
    CodeDeployBlueGreen,
    EcrRepo,
    EcsBlueGreen,
    HealthCheck,
    ImagePointer,
    LoadBalancedService,
    Scaling,
)

Make = Callable[..., LoadBalancedService]
Properties = Callable[[str], dict[str, dict[str, Any]]]
SERVICE = "AWS::ECS::Service"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
VERSION = elbv2.ApplicationProtocolVersion
CHECK = ecs.HealthCheck(command=["CMD", "/app", "check"], interval=cdk.Duration.seconds(10))


@pytest.fixture
def pointer(app: cdk.App) -> ImagePointer:
    """One whose seed image is of one's own."""
    return ImagePointer(
        cdk.Stack(app, "Own"), "Pointer", parameter_name="/own/image", seed_image="own:seed"
    )


@pytest.fixture
def secure(platform: SimpleNamespace) -> elbv2.ApplicationListener:
    return platform.listener.load_balancer.add_listener(
        "Https",
        port=443,
        certificates=[
            elbv2.ListenerCertificate("arn:aws:acm:eu-west-1:111122223333:certificate/1")
        ],
        default_action=elbv2.ListenerAction.fixed_response(404),
    )


@pytest.fixture
def container(properties: Properties) -> Callable[[], dict[str, Any]]:
    """The container that is released; a log router stands beside it."""

    def of() -> dict[str, Any]:
        (task,) = properties("AWS::ECS::TaskDefinition").values()
        found = {each["Name"]: each for each in task["ContainerDefinitions"]}
        released: dict[str, Any] = found["app"]
        return released

    return of


def test_left_out_they_leave_no_trace(
    make_service: Make, properties: Properties, container: Callable[[], dict[str, Any]]
) -> None:
    make_service()
    assert not {"Command", "HealthCheck"} & set(container())
    assert container()["PortMappings"] == [
        {"ContainerPort": 3000, "Name": "http", "Protocol": "tcp"}
    ]
    (group,) = properties(TARGET_GROUP).values()
    assert "ProtocolVersion" not in group
    assert group["Matcher"] == {"HttpCode": "200"}
    (service,) = properties(SERVICE).values()
    assert service["LaunchType"] == "FARGATE"
    assert "CapacityProviderStrategy" not in service


def test_what_is_said_of_the_task(
    make_service: Make,
    pointer: ImagePointer,
    properties: Properties,
    container: Callable[[], dict[str, Any]],
) -> None:
    make_service(
        image_pointer=pointer,
        command=["node", "worker.js"],
        container_health_check=CHECK,
        ephemeral_storage_gib=40,
        port_name="web",
    )
    assert container()["Command"] == ["node", "worker.js"]
    assert container()["HealthCheck"]["Command"] == ["CMD", "/app", "check"]
    assert container()["PortMappings"][0]["Name"] == "web"
    (task,) = properties("AWS::ECS::TaskDefinition").values()
    assert task["EphemeralStorage"] == {"SizeInGiB": 40}


def test_tasks_are_on_spot_and_in_groups_of_ones_own(
    stack: cdk.Stack, make_service: Make, properties: Properties
) -> None:
    spot = [
        ecs.CapacityProviderStrategy(capacity_provider="FARGATE", base=1, weight=1),
        ecs.CapacityProviderStrategy(capacity_provider="FARGATE_SPOT", weight=3),
    ]
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-0f1e2d3c")
    make_service(capacity_providers=spot, security_groups=[group])
    (service,) = properties(SERVICE).values()
    assert "LaunchType" not in service
    assert service["CapacityProviderStrategy"] == [
        {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 1},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 3},
    ]
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["SecurityGroups"] == ["sg-0f1e2d3c"]
    assert properties("AWS::EC2::SecurityGroup") == {}


def test_code_deploy_is_told_the_capacity_providers(make_service: Make) -> None:
    spot = [ecs.CapacityProviderStrategy(capacity_provider="FARGATE_SPOT", weight=1)]
    web = make_service(capacity_providers=spot, deployment=CodeDeployBlueGreen())
    assert web.code_deploy_target.capacity_providers == [
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 1}
    ]


@pytest.mark.parametrize("deployment", [None, EcsBlueGreen()])
def test_clients_stay_with_their_task(
    make_service: Make, properties: Properties, deployment: EcsBlueGreen | None
) -> None:
    make_service(
        stickiness=cdk.Duration.hours(1), stickiness_cookie="session", deployment=deployment
    )
    groups = properties(TARGET_GROUP).values()
    assert len(groups) == (1 if deployment is None else 2)
    for group in groups:
        attributes = {each["Key"]: each["Value"] for each in group["TargetGroupAttributes"]}
        assert attributes["stickiness.enabled"] == "true"
        assert attributes["stickiness.type"] == "app_cookie"
        assert attributes["stickiness.app_cookie.cookie_name"] == "session"
        assert attributes["stickiness.app_cookie.duration_seconds"] == "3600"


@pytest.mark.parametrize(
    ("version", "matcher", "named"),
    [
        (VERSION.HTTP2, {"HttpCode": "200"}, "http2"),
        (VERSION.GRPC, {"GrpcCode": "0,12"}, "grpc"),
    ],
)
def test_http2_and_grpc(
    make_service: Make,
    pointer: ImagePointer,
    secure: elbv2.ApplicationListener,
    properties: Properties,
    container: Callable[[], dict[str, Any]],
    version: VERSION,
    matcher: dict[str, str],
    named: str,
) -> None:
    make_service(
        image_pointer=pointer,
        listener=secure,
        protocol_version=version,
        health_check=HealthCheck(path="/grpc.health.v1.Health/Check", healthy_grpc_codes="0,12"),
    )
    (group,) = properties(TARGET_GROUP).values()
    assert (group["Protocol"], group["ProtocolVersion"]) == ("HTTP", version.name)
    assert group["Matcher"] == matcher
    assert container()["PortMappings"][0]["AppProtocol"] == named


def test_logs_go_where_the_driver_says(
    stack: cdk.Stack,
    make_service: Make,
    properties: Properties,
    container: Callable[[], dict[str, Any]],
) -> None:
    web = make_service(
        logging=ecs.LogDrivers.firelens(options={"Name": "datadog", "dd_service": "shop"})
    )
    assert container()["LogConfiguration"]["LogDriver"] == "awsfirelens"
    (task,) = properties("AWS::ECS::TaskDefinition").values()
    (router,) = [each for each in task["ContainerDefinitions"] if each["Name"] != "app"]
    assert router["FirelensConfiguration"] == {"Type": "fluentbit"}
    # Traffic and releases are for the application.
    default = web.task_definition.default_container
    assert default is not None
    assert default.container_name == "app"
    (service,) = properties(SERVICE).values()
    assert service["LoadBalancers"][0]["ContainerName"] == "app"
    with pytest.raises(ValueError, match="'logging' must be left out for a log group, got a log"):
        _ = web.log_group


def test_it_is_granted_to_and_connected_to(
    stack: cdk.Stack,
    platform: SimpleNamespace,
    make_service: Make,
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
    template: Callable[[cdk.Stack], Template],
) -> None:
    web = make_service()
    key = dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
    dynamodb.Table(stack, "Table", partition_key=key).grant_read_data(web)
    database = ec2.SecurityGroup(stack, "Database", vpc=platform.vpc)
    database.connections.allow_from(web, ec2.Port.tcp(5432))
    granted = [each["Action"] for each in statements(stack, "ServiceTaskRole")]
    assert any("dynamodb:GetItem" in actions for actions in granted)
    template(stack).has_resource_properties(
        "AWS::EC2::SecurityGroupIngress",
        {
            "FromPort": 5432,
            "GroupId": Match.any_value(),
            "SourceSecurityGroupId": {
                "Fn::GetAtt": [Match.string_like_regexp("ServiceSecurityGroup"), "GroupId"]
            },
        },
    )


def test_its_scaling_is_extended(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    web = make_service(scaling=Scaling(min_tasks=1, max_tasks=4))
    web.task_count.scale_on_schedule(
        "Morning", schedule=appscaling.Schedule.cron(hour="7", minute="0"), min_capacity=3
    )
    web.task_count.scale_on_metric(
        "Queue",
        metric=cloudwatch.Metric(namespace="AWS/SQS", metric_name="ApproximateAgeOfOldestMessage"),
        scaling_steps=[
            appscaling.ScalingInterval(upper=60, change=-1),
            appscaling.ScalingInterval(lower=300, change=1),
        ],
    )
    rendered = template(stack)
    rendered.has_resource_properties(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        {
            "MinCapacity": 1,
            "MaxCapacity": 4,
            "ScheduledActions": [Match.object_like({"ScheduledActionName": "Morning"})],
        },
    )
    policies = rendered.find_resources("AWS::ApplicationAutoScaling::ScalingPolicy")
    assert len(policies) == 3


def test_without_scaling_there_is_nothing_to_extend(make_service: Make) -> None:
    with pytest.raises(ValueError, match="'scaling' must be given for a number of tasks that"):
        _ = make_service().task_count


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port_name": "Web"}, "'port_name' must be 1 to 64 characters: lower-case letters"),
        ({"ephemeral_storage_gib": 20}, "'ephemeral_storage_gib' must be from 21 to 200, got 20"),
        ({"stickiness": cdk.Duration.days(8)}, "'stickiness' must be from 1 second to 7 days"),
        (
            {"stickiness_cookie": "session"},
            "'stickiness_cookie' must be given with 'stickiness', got 'session' alone",
        ),
        (
            {"stickiness": cdk.Duration.days(1), "stickiness_cookie": "AWSALB"},
            "'stickiness_cookie' must be .* does not start with 'AWSALB'; got 'AWSALB'",
        ),
        ({"command": ["node"]}, "'command' must go with a seed image that can do it"),
        ({"container_health_check": CHECK}, "'container_health_check' must go with a seed image"),
        ({"protocol_version": VERSION.GRPC}, "'protocol_version' must go with a seed image"),
    ],
)
def test_what_cannot_work_is_rejected(
    stack: cdk.Stack, make_service: Make, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_service(**options)
    assert stack.node.try_find_child("Service") is None


def test_http2_and_grpc_need_listeners_that_speak_https(
    make_service: Make,
    pointer: ImagePointer,
    secure: elbv2.ApplicationListener,
    test_listener: elbv2.ApplicationListener,
) -> None:
    with pytest.raises(ValueError, match=r"'listener' must speak HTTPS with .* GRPC, got one"):
        make_service(image_pointer=pointer, protocol_version=VERSION.GRPC)
    with pytest.raises(ValueError, match=r"'deployment.test_listener' must speak HTTPS .* HTTP2"):
        make_service(
            image_pointer=pointer,
            listener=secure,
            protocol_version=VERSION.HTTP2,
            deployment=EcsBlueGreen(test_listener=test_listener),
        )


@pytest.mark.parametrize("codes", ["", "100", "OK", "0,"])
def test_grpc_codes_are_checked(codes: str) -> None:
    with pytest.raises(ValueError, match=r"'health_check\.healthy_grpc_codes' must be"):
        HealthCheck(healthy_grpc_codes=codes)


def test_the_pointer_knows_its_seed_image(images: EcrRepo, pointer: ImagePointer) -> None:
    assert images.image_pointer.seed_image.endswith("hello-app:1.0")
    assert pointer.seed_image == "own:seed"
