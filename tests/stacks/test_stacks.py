import json
from collections.abc import Callable
from typing import Any

import pytest

Templates = Callable[[dict[str, Any]], dict[str, Any]]

# What keeps data: replacing one of these, which a changed logical id does, would lose it.
RETAINED = {
    "delivery-my-container-app-pipeline": {"ReleaseArtifacts7E374565": "AWS::S3::Bucket"},
    "delivery-platform": {"AccessLogs8B620ECA": "AWS::S3::Bucket"},
    "delivery-my-container-app-registry": {
        "ImagesRepository2D0F5B9C": "AWS::ECR::Repository",
        "ImagesImagePointerLiveImage48199A7B": "Custom::ImagePointer",
        "ImagesImagePointerPreviousImageE2814059": "Custom::ImagePointer",
    },
}


def resources(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]


@pytest.mark.parametrize("stack", RETAINED)
def test_what_keeps_data_keeps_its_logical_id_and_is_retained(
    stack: str, templates: Templates, delivery: dict[str, Any]
) -> None:
    template = templates(delivery)[stack]
    kept = {
        logical_id: resource["Type"]
        for logical_id, resource in template["Resources"].items()
        if resource.get("DeletionPolicy", "").startswith("Retain")
        and resource["Type"] != "AWS::Logs::LogGroup"
    }
    assert kept == RETAINED[stack]
    for logical_id in kept:
        assert template["Resources"][logical_id]["UpdateReplacePolicy"] == "Retain"


def test_no_statement_allows_every_resource_but_where_aws_knows_none(
    templates: Templates, context: dict[str, Any]
) -> None:
    unscoped = {
        "codepipeline:PutJobFailureResult",
        "codepipeline:PutJobSuccessResult",
        "ecr:GetAuthorizationToken",
        "ecs:DescribeTaskDefinition",
        "ecs:ListTasks",
        "ecs:RegisterTaskDefinition",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
    }
    found = set()
    for template in templates(context["delivery"]).values():
        for policy in resources(template, "AWS::IAM::Policy"):
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Resource"] == "*":
                    actions = statement["Action"]
                    found.update([actions] if isinstance(actions, str) else actions)
    assert found == unscoped


def test_every_pass_role_names_roles_and_service(
    templates: Templates, context: dict[str, Any]
) -> None:
    statements = [
        statement
        for template in templates(context["delivery"]).values()
        for policy in resources(template, "AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if "iam:PassRole" in statement["Action"]
    ]
    assert statements
    for statement in statements:
        assert "*" not in str(statement["Resource"])
        assert "iam:PassedToService" in statement["Condition"]["StringEquals"]


def test_https_takes_over_with_a_certificate(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    delivery["platform"] = {
        "certificate_arn": "arn:aws:acm:eu-west-1:111122223333:certificate/0f1e"
    }
    platform = templates(delivery)["delivery-platform"]
    listeners = {
        listener["Port"]: listener
        for listener in resources(platform, "AWS::ElasticLoadBalancingV2::Listener")
    }
    assert sorted(listeners) == [80, 443]
    assert listeners[80]["DefaultActions"][0]["Type"] == "redirect"
    assert listeners[443]["Protocol"] == "HTTPS"


def test_services_act_for_this_account_alone(templates: Templates, context: dict[str, Any]) -> None:
    """Where AWS's guides show the condition in the trust of such a role."""
    trusts = [
        statement
        for template in templates(context["delivery"]).values()
        for role in resources(template, "AWS::IAM::Role")
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
        if statement["Principal"].get("Service")
        in ("codebuild.amazonaws.com", "codedeploy.amazonaws.com", "codepipeline.amazonaws.com")
        or role.get("Description") == "What the application may do"
    ]
    assert len(trusts) == 6
    for trust in trusts:
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        }


def test_nothing_on_the_platform_gets_a_public_address_by_itself(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    subnets = resources(templates(delivery)["delivery-platform"], "AWS::EC2::Subnet")
    assert len(subnets) == 4
    assert not [subnet for subnet in subnets if subnet["MapPublicIpOnLaunch"]]


@pytest.mark.parametrize("protected", [True, False])
def test_the_load_balancer_can_be_protected_from_deletion(
    templates: Templates, delivery: dict[str, Any], protected: bool
) -> None:
    delivery["platform"] = {"deletion_protection": protected}
    (balancer,) = resources(
        templates(delivery)["delivery-platform"], "AWS::ElasticLoadBalancingV2::LoadBalancer"
    )
    attributes = {each["Key"]: each["Value"] for each in balancer["LoadBalancerAttributes"]}
    assert attributes["deletion_protection.enabled"] == str(protected).lower()


@pytest.mark.parametrize(
    ("platform", "warned"),
    [({}, True), ({"certificate_arn": "arn:aws:acm:eu-west-1:111122223333:certificate/1"}, False)],
)
def test_a_load_balancer_without_a_certificate_is_warned_of(
    synthesize: Callable[[dict[str, Any]], Any],
    delivery: dict[str, Any],
    platform: dict[str, Any],
    warned: bool,
) -> None:
    delivery["platform"] = platform
    (stack,) = (s for s in synthesize(delivery).stacks if s.stack_name == "delivery-platform")
    told = [str(message.entry.data) for message in stack.messages]
    assert any("platform.certificate_arn" in each for each in told) == warned


def test_an_existing_platform_is_used_and_nothing_made_for_it(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    listener = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/my-alb/0123/4567"
    delivery["platform"] = {
        "existing": {
            "vpc_id": "vpc-0a",
            "availability_zones": ["eu-west-1a", "eu-west-1b"],
            "private_subnet_ids": ["subnet-0a", "subnet-0b"],
            "cluster_name": "my-cluster",
            "listener_arn": listener,
            "load_balancer_security_group_id": "sg-0a",
        }
    }
    made = templates(delivery)
    assert "delivery-platform" not in made
    service_stack = made["delivery-my-container-app-service"]
    (service,) = resources(service_stack, "AWS::ECS::Service")
    assert service["Cluster"] == "my-cluster"
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["Subnets"] == ["subnet-0a", "subnet-0b"]
    (rule,) = resources(service_stack, "AWS::ElasticLoadBalancingV2::ListenerRule")
    assert rule["ListenerArn"] == listener
    # What lets the load balancer reach the tasks must be there when the service is made.
    (ingress,) = resources(service_stack, "AWS::EC2::SecurityGroupIngress")
    assert (ingress["SourceSecurityGroupId"], ingress["FromPort"]) == ("sg-0a", 3000)


def test_a_connection_of_ones_own_is_used_and_none_made(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    arn = "arn:aws:codeconnections:eu-west-1:111122223333:connection/0f1e"
    delivery["services"][0]["source"]["connection_arn"] = arn
    made = templates(delivery)
    assert resources(made["delivery-shared"], "AWS::CodeConnections::Connection") == []
    (pipeline,) = resources(
        made["delivery-my-container-app-pipeline"], "AWS::CodePipeline::Pipeline"
    )
    assert pipeline["Stages"][0]["Actions"][0]["Configuration"]["ConnectionArn"] == arn


def test_secret_parameters_reach_the_container_by_reference(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    delivery["services"][0]["container"]["secret_parameters"] = {"TOKEN": "/my-app/token"}
    (task,) = resources(
        templates(delivery)["delivery-my-container-app-service"], "AWS::ECS::TaskDefinition"
    )
    (secret,) = task["ContainerDefinitions"][0]["Secrets"]
    assert secret["Name"] == "TOKEN"
    assert secret["ValueFrom"]["Fn::Join"][1][-1].endswith(":parameter/my-app/token")


def test_the_scan_settings_reach_the_build(templates: Templates, delivery: dict[str, Any]) -> None:
    allowed = {"id": "CVE-2026-12345", "reason": "not reachable", "expires": "2027-01-31"}
    delivery["services"][0]["build"] = {"scan": {"severity": "CRITICAL", "allow": [allowed]}}
    (project,) = resources(
        templates(delivery)["delivery-my-container-app-pipeline"], "AWS::CodeBuild::Project"
    )
    variables = {v["Name"]: v["Value"] for v in project["Environment"]["EnvironmentVariables"]}
    settings = json.loads(variables["SCAN_GATE"])
    assert (settings["threshold"], settings["allow"]) == ("CRITICAL", [allowed])


def test_services_share_platform_and_connection_and_no_artifact_bucket(
    templates: Templates, delivery: dict[str, Any]
) -> None:
    second = {**delivery["services"][0], "name": "second", "priority": 50, "path_pattern": "/2/*"}
    delivery["services"].append(second)
    made = templates(delivery)
    assert len(made) == 9
    assert sum(len(resources(t, "AWS::S3::Bucket")) for t in made.values()) == 3
    assert sum(len(resources(t, "AWS::EC2::VPC")) for t in made.values()) == 1
    assert sum(len(resources(t, "AWS::KMS::Key")) for t in made.values()) == 0


def test_stacks_go_where_the_settings_say(
    synthesize: Callable[[dict[str, Any]], Any], delivery: dict[str, Any]
) -> None:
    delivery["environment"] = {"account": "111122223333", "region": "ap-northeast-1"}
    places = {
        (stack.environment.account, stack.environment.region)
        for stack in synthesize(delivery).stacks
    }
    assert places == {("111122223333", "ap-northeast-1")}
