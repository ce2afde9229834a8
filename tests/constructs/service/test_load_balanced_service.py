from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Match, Template

from container_pipelines import HealthCheck, LoadBalancedService, Scaling

Make = Callable[..., LoadBalancedService]
SECRET = ecs.Secret.from_ssm_parameter(
    ssm.StringParameter.from_secure_string_parameter_attributes(
        cdk.Stack(), "Parameter", parameter_name="/a/secret"
    )
)
SERVICE = "AWS::ECS::Service"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"


@pytest.fixture
def container(template: Callable[[cdk.Stack], Template], stack: cdk.Stack) -> Callable[[], Any]:
    def of() -> Any:
        (task,) = template(stack).find_resources("AWS::ECS::TaskDefinition").values()
        (container,) = task["Properties"]["ContainerDefinitions"]
        return container

    return of


def test_a_deployment_replaces_without_a_gap_and_rolls_back(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    make_service()
    template(stack).has_resource_properties(
        SERVICE,
        {
            "DeploymentConfiguration": {
                "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
                "MaximumPercent": 200,
                "MinimumHealthyPercent": 100,
            },
            "DesiredCount": Match.absent(),
            "EnableExecuteCommand": False,
            "HealthCheckGracePeriodSeconds": 60,
            "PropagateTags": "SERVICE",
            "NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "DISABLED"}},
        },
    )


def test_the_load_balancer_checks_health_as_documented(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    make_service()
    template(stack).has_resource_properties(
        TARGET_GROUP,
        {
            "HealthCheckPath": "/health",
            "HealthCheckProtocol": "HTTP",
            "HealthCheckIntervalSeconds": 30,
            "HealthCheckTimeoutSeconds": 5,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 3,
            "Matcher": {"HttpCode": "200"},
            "TargetType": "ip",
        },
    )


def test_the_container_is_read_only_and_its_port_has_a_name(
    make_service: Make, container: Callable[[], Any]
) -> None:
    make_service()
    found = container()
    assert found["ReadonlyRootFilesystem"] is True
    # Which Service Connect refers to.
    assert found["PortMappings"] == [{"ContainerPort": 3000, "Name": "http", "Protocol": "tcp"}]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            {"priority": 100, "path_patterns": ["/a/*"]},
            {"priority": 100, "path_patterns": ["/b/*"]},
            r"no other rule of the listener has, got 100, .* 'Stack/First/ListenerRule'",
        ),
        (
            {"priority": 50},
            {"priority": 100, "path_patterns": ["/billing/*"]},
            r"'Stack/First/ListenerRule' \(/\* at 50\) would take all those of 'Stack/Second/",
        ),
        (
            {"priority": 100, "path_patterns": ["/a/b*", "/a/c"]},
            {"priority": 50, "path_patterns": ["/a/*"]},
            r"'Stack/Second/ListenerRule' \(/a/\* at 50\) would take all those of 'Stack/First/",
        ),
        (
            {"priority": 50, "host_headers": ["*.example.com"]},
            {"priority": 100, "host_headers": ["shop.example.com"], "path_patterns": ["/a"]},
            r"give the narrower one the lower number",
        ),
    ],
)
def test_a_rule_that_would_never_be_asked_is_rejected(
    make_service: Make, first: dict[str, Any], second: dict[str, Any], message: str
) -> None:
    make_service("First", **first)
    with pytest.raises(ValueError, match=message):
        make_service("Second", **second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"priority": 100}, {"priority": 50, "path_patterns": ["/billing/*"]}),
        ({"priority": 50, "path_patterns": ["/a?"]}, {"priority": 60, "path_patterns": ["/a*"]}),
        (
            {"priority": 50, "host_headers": ["a.example.com"]},
            {"priority": 60, "host_headers": ["b.example.com"]},
        ),
        ({"priority": 50, "host_headers": ["a.example.com"]}, {"priority": 60}),
    ],
)
def test_rules_that_leave_something_to_each_other_are_taken(
    make_service: Make, first: dict[str, Any], second: dict[str, Any]
) -> None:
    make_service("First", **first)
    make_service("Second", **second)


@pytest.mark.parametrize("user", ["1000", "1000:1000"])
def test_the_container_can_run_as_another_user_than_its_image_says(
    make_service: Make, container: Callable[[], Any], user: str
) -> None:
    make_service(user=user)
    assert container()["User"] == user


@pytest.mark.parametrize("user", ["0", "0:1000", "root", "node", "1000:", "-1"])
def test_root_and_names_that_the_seed_image_lacks_are_rejected(
    make_service: Make, user: str
) -> None:
    with pytest.raises(ValueError, match=r"'user' must be .* not root"):
        make_service(user=user)


def test_the_user_is_the_images_own_by_default(
    make_service: Make, container: Callable[[], Any]
) -> None:
    make_service()
    assert "User" not in container()


def test_ecs_exec_needs_a_writable_file_system(make_service: Make) -> None:
    with pytest.raises(ValueError, match=r"'read_only_root_filesystem' must be False .* got True"):
        make_service(enable_execute_command=True)


def test_nothing_is_found_in_a_service_that_people_may_open_a_shell_in(
    stack: cdk.Stack, make_service: Make, nag: Callable[[cdk.Stack], list[str]]
) -> None:
    make_service(enable_execute_command=True, read_only_root_filesystem=False)
    assert [finding for finding in nag(stack) if "IAM5" in finding] == []


def test_the_health_check_can_be_changed(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    make_service(
        health_check=HealthCheck(
            path="/up",
            healthy_http_codes="200-299",
            interval=cdk.Duration.seconds(10),
            timeout=cdk.Duration.seconds(2),
            healthy_threshold=3,
            unhealthy_threshold=4,
            grace_period=cdk.Duration.minutes(5),
        )
    )
    rendered = template(stack)
    rendered.has_resource_properties(
        TARGET_GROUP,
        {
            "HealthCheckPath": "/up",
            "HealthCheckIntervalSeconds": 10,
            "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 3,
            "UnhealthyThresholdCount": 4,
            "Matcher": {"HttpCode": "200-299"},
        },
    )
    rendered.has_resource_properties(SERVICE, {"HealthCheckGracePeriodSeconds": 300})


def test_the_image_comes_from_the_pointer(
    stack: cdk.Stack,
    make_service: Make,
    template: Callable[[cdk.Stack], Template],
    container: Callable[[], Any],
) -> None:
    make_service()
    ((parameter, _),) = (
        template(stack)
        .find_parameters("*", {"Default": "/container-pipelines/my-app/image"})
        .items()
    )
    assert container()["Image"] == {"Ref": parameter}


def test_every_image_gets_its_port_so_that_nothing_of_the_seed_stays(
    make_service: Make, container: Callable[[], Any]
) -> None:
    make_service(container_port=8080, environment={"STAGE": "prod"})
    found = container()
    assert found["Environment"] == [
        {"Name": "PORT", "Value": "8080"},
        {"Name": "STAGE", "Value": "prod"},
    ]
    assert found["PortMappings"][0]["ContainerPort"] == 8080
    assert not {"Command", "EntryPoint", "HealthCheck"} & set(found)


def test_the_service_and_its_task_definitions_go_by_one_name(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    make_service(service_name="shop")
    rendered = template(stack)
    rendered.has_resource_properties(SERVICE, {"ServiceName": "shop"})
    rendered.has_resource_properties("AWS::ECS::TaskDefinition", {"Family": "shop"})


def test_a_full_log_buffer_does_not_stall_the_application(
    make_service: Make, container: Callable[[], Any]
) -> None:
    make_service()
    assert container()["LogConfiguration"]["Options"]["mode"] == "non-blocking"


def test_secrets_are_references_and_only_the_execution_role_reads_them(
    stack: cdk.Stack,
    make_service: Make,
    container: Callable[[], Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
        stack, "Password", parameter_name="/my-app/password"
    )
    make_service(secrets={"DB_PASSWORD": ecs.Secret.from_ssm_parameter(parameter)})
    (secret,) = container()["Secrets"]
    assert secret["Name"] == "DB_PASSWORD"
    reads = [
        s for s in statements(stack, "ServiceExecutionRole") if "ssm:GetParameters" in s["Action"]
    ]
    assert len(reads) == 1
    assert statements(stack, "ServiceTaskRole") == []


def test_the_execution_role_may_pull_and_log(
    stack: cdk.Stack,
    make_service: Make,
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    make_service()
    actions = [
        sorted(s["Action"]) if isinstance(s["Action"], list) else s["Action"]
        for s in statements(stack, "ServiceExecutionRole")
    ]
    assert actions == [
        ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "ecr:GetAuthorizationToken",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
    ]


def test_scaling_follows_its_target_and_leaves_the_count_alone(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    make_service(
        scaling=Scaling(
            min_tasks=3, max_tasks=9, cpu_percent=50, memory_percent=70, requests_per_task=1000
        )
    )
    rendered = template(stack)
    rendered.has_resource_properties(
        "AWS::ApplicationAutoScaling::ScalableTarget", {"MinCapacity": 3, "MaxCapacity": 9}
    )
    rendered.resource_count_is("AWS::ApplicationAutoScaling::ScalingPolicy", 3)
    rendered.has_resource_properties(SERVICE, {"DesiredCount": Match.absent()})


def test_a_fixed_number_of_tasks(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    make_service(desired_count=4)
    rendered = template(stack)
    rendered.has_resource_properties(SERVICE, {"DesiredCount": 4})
    rendered.resource_count_is("AWS::ApplicationAutoScaling::ScalableTarget", 0)


def test_the_listener_rule_takes_paths_and_hosts(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    make_service(priority=7, path_patterns=["/api/*"], host_headers=["example.com"])
    template(stack).has_resource_properties(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        {
            "Priority": 7,
            "Conditions": [
                {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}},
                {"Field": "host-header", "HostHeaderConfig": {"Values": ["example.com"]}},
            ],
        },
    )


def test_hosts_alone_are_enough(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    make_service(path_patterns=[], host_headers=["example.com"])
    template(stack).has_resource_properties(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        {"Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": ["example.com"]}}]},
    )


def test_where_and_how_tasks_run_can_be_chosen(
    stack: cdk.Stack,
    make_service: Make,
    template: Callable[[cdk.Stack], Template],
    container: Callable[[], Any],
) -> None:
    make_service(
        assign_public_ip=True,
        vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
        enable_execute_command=True,
        stop_timeout=cdk.Duration.seconds(90),
        read_only_root_filesystem=False,
    )
    (service,) = template(stack).find_resources(SERVICE).values()
    network = service["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "ENABLED"
    assert {"PublicSubnet" in str(subnet) for subnet in network["Subnets"]} == {True}
    assert service["Properties"]["EnableExecuteCommand"] is True
    assert container()["StopTimeout"] == 90
    assert container()["ReadonlyRootFilesystem"] is False


def test_the_service_is_made_after_its_listener_rule(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    make_service()
    (service,) = template(stack).find_resources(SERVICE).values()
    assert [name for name in service["DependsOn"] if name.startswith("ServiceListenerRule")]


def test_only_the_load_balancer_reaches_the_tasks(
    stack: cdk.Stack, make_service: Make, template: Callable[[cdk.Stack], Template]
) -> None:
    make_service()
    template(stack).has_resource_properties(
        "AWS::EC2::SecurityGroupIngress",
        {"FromPort": 3000, "ToPort": 3000, "SourceSecurityGroupId": Match.any_value()},
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"container_name": "my app"}, "'container_name' must be 1 to 255 .* got 'my app'"),
        ({"service_name": "my.app"}, "'service_name' must be 1 to 255 .* got 'my.app'"),
        ({"container_port": 0}, "'container_port' must be from 1 to 65535, got 0"),
        ({"container_port": 65536}, "'container_port'"),
        ({"cpu": 300}, "'cpu' must be one of 256, 512, .* got 300"),
        ({"memory": 4096}, "'memory' must be from 512 to 2048 MiB .* cpu=256, got 4096"),
        ({"cpu": 1024, "memory": 1024}, "'memory' must be from 2048 to 8192"),
        ({"cpu": 8192, "memory": 17000}, "'memory' must be from 16384 .* got 17000"),
        ({"priority": 0}, "'priority' must be from 1 to 50000, got 0"),
        ({"desired_count": -1}, "'desired_count' must be from 0 to 5000, got -1"),
        ({"environment": {"PORT": "1"}}, "must not set 'PORT'.*; give 'container_port' instead"),
        ({"secrets": {"PORT": SECRET}}, "must not set 'PORT'"),
        (
            {"environment": {"A": "1"}, "secrets": {"A": SECRET}},
            "'secrets' must not repeat names of 'environment', got A",
        ),
        (
            {"desired_count": 1, "scaling": Scaling()},
            "'desired_count' must be left out when 'scaling' is given",
        ),
        ({"stop_timeout": cdk.Duration.seconds(121)}, "'stop_timeout' must be from 2 seconds"),
        (
            {"path_patterns": ["/" + "x" * 128]},
            "'path_patterns' or 'host_headers' must be 1 to 128",
        ),
        ({"path_patterns": []}, "must be 1 to 5 values together, got 0"),
        ({"host_headers": ["a.com"] * 5}, "must be 1 to 5 values together, got 6"),
    ],
)
def test_bad_input_is_rejected(make_service: Make, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_service(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "health"}, "'health_check.path' must .* starts with '/'.* got 'health'"),
        ({"path": "/a b"}, "'health_check.path'"),
        ({"healthy_http_codes": "500"}, "'health_check.healthy_http_codes' must .* got '500'"),
        ({"interval": cdk.Duration.seconds(4)}, "'health_check.interval' must be from 5 seconds"),
        ({"interval": cdk.Duration.seconds(301)}, "'health_check.interval'"),
        ({"timeout": cdk.Duration.seconds(1)}, "'health_check.timeout' must be from 2 seconds"),
        ({"timeout": cdk.Duration.seconds(30)}, "'health_check.timeout' must be shorter than"),
        ({"healthy_threshold": 1}, "'health_check.healthy_threshold' must be from 2 to 10, got 1"),
        ({"unhealthy_threshold": 11}, "'health_check.unhealthy_threshold' .* got 11"),
        ({"grace_period": cdk.Duration.hours(25)}, "'health_check.grace_period'"),
    ],
)
def test_a_health_check_out_of_range_is_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HealthCheck(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_tasks": -1}, "'scaling.min_tasks' must be from 0"),
        ({"max_tasks": 0}, "'scaling.max_tasks' must be from 1"),
        ({"min_tasks": 5, "max_tasks": 4}, r"'scaling.min_tasks' must be at most .* \(4\), got 5"),
        ({"cpu_percent": 101}, "'scaling.cpu_percent' must be from 1 to 100, got 101"),
        ({"memory_percent": 0}, "'scaling.memory_percent'"),
        ({"requests_per_task": 0}, "'scaling.requests_per_task'"),
        ({"cpu_percent": None}, "'scaling' must aim at something"),
    ],
)
def test_scaling_out_of_range_is_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scaling(**options)


def test_nothing_is_left_for_a_security_check_to_find(
    stack: cdk.Stack, make_service: Make, nag: Callable[[cdk.Stack], list[str]]
) -> None:
    make_service(scaling=Scaling())
    assert nag(stack) == []
