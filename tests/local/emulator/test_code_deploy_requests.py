"""What CodeDeploy takes and refuses: requests, AppSpecs, and groups in templates."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator.code_deploy.app_spec import AppSpecError, read
from local.emulator.code_deploy.configurations import linear
from tests.local.emulator.code_deploy import CANARY, LINEAR, Blue, refused
from tests.local.emulator.driver import REGION, Emulator, eventually

_SPEC = """\
version: 0.0
Resources:
  - Target:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: t:1
        LoadBalancerInfo: {ContainerName: app, ContainerPort: 80}
        PlatformVersion: LATEST
        NetworkConfiguration:
          AwsvpcConfiguration: {Subnets: [s], AssignPublicIp: ENABLED}
        CapacityProviderStrategy: [{CapacityProvider: FARGATE_SPOT, Weight: 1}]
"""


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"TaskDefinition": "nobody:9"}, "ECS_UPDATE_ERROR", "Unable to find task definition"),
        (
            {"LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 80}},
            "ECS_UPDATE_ERROR",
            "The container web does not exist in the task definition",
        ),
        (
            {"LoadBalancerInfo": {"ContainerName": "app", "ContainerPort": 81}},
            "ECS_UPDATE_ERROR",
            "did not have a container port 81",
        ),
        ({"LoadBalancerInfo": {}}, "INVALID_REVISION", "ContainerName"),
    ],
)
def test_an_app_spec_that_does_not_fit_fails(
    emulator: Emulator, change: dict[str, Any], code: str, words: str
) -> None:
    blue = Blue(emulator)
    document = json.loads(blue.app_spec(blue.definition()))
    document["Resources"][0]["TargetService"]["Properties"] |= change
    info = blue.ended(blue.deploy(content=json.dumps(document)))
    assert (info["status"], info["errorInformation"]["code"]) == ("Failed", code)
    assert words in info["errorInformation"]["message"]
    assert blue.images() == ["good:1"]


def test_a_listener_that_does_not_lead_to_the_service_fails(emulator: Emulator) -> None:
    blue = Blue(emulator)
    emulator.client("elbv2").delete_rule(RuleArn=blue.ids["ProductionRule"])
    info = blue.ended(blue.deploy())
    assert info["errorInformation"]["code"] == "ELASTIC_LOAD_BALANCING_INVALID"
    assert (
        "Primary taskset target group must be behind listener"
        in (info["errorInformation"]["message"])
    )


def test_rules_of_other_services_stay_as_they_are(emulator: Emulator) -> None:
    blue = Blue(emulator)
    elbv2 = emulator.client("elbv2")
    other = elbv2.create_target_group(
        Name=f"{blue.name}-other", Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    made = elbv2.create_rule(
        ListenerArn=blue.ids["Production"],
        Priority=7,
        Conditions=[{"Field": "path-pattern", "Values": ["/other"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": other}],
    )["Rules"][0]

    def actions() -> list[Any]:
        (found,) = elbv2.describe_rules(RuleArns=[made["RuleArn"]])["Rules"]
        return list(found["Actions"])

    before = actions()
    assert blue.ended(blue.deploy())["status"] == "Succeeded"
    assert actions() == before


def test_a_revision_may_be_in_a_bucket(emulator: Emulator) -> None:
    blue = Blue(emulator)
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=blue.name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(
        Bucket=blue.name, Key="appspec.json", Body=blue.app_spec(blue.definition()).encode()
    )
    place = {"bucket": blue.name, "key": "appspec.json", "bundleType": "JSON"}
    made = blue.api.create_deployment(
        **blue.group, revision={"revisionType": "S3", "s3Location": place}
    )
    assert blue.ended(made["deploymentId"])["status"] == "Succeeded"
    place["key"] = "nothing"
    made = blue.api.create_deployment(
        **blue.group, revision={"revisionType": "S3", "s3Location": place}
    )
    assert blue.ended(made["deploymentId"])["errorInformation"]["code"] == "INVALID_REVISION"


def test_requests_that_are_refused(emulator: Emulator) -> None:
    blue = Blue(emulator)
    application = blue.group["applicationName"]
    good = {**blue.group, "revision": blue.revision("version: 0.0")}
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("create_deployment", {**good, "applicationName": "x"}, "ApplicationDoesNotExist"),
        ("create_deployment", {**good, "deploymentGroupName": "x"}, "DeploymentGroupDoesNotExist"),
        ("create_deployment", {"applicationName": application}, "DeploymentGroupNameRequired"),
        ("create_deployment", blue.group, "RevisionRequired"),
        ("create_deployment", {**good, "revision": blue.revision("")}, "InvalidRevision"),
        (
            "create_deployment",
            {**good, "revision": {"revisionType": "GitHub", "gitHubLocation": {}}},
            "InvalidRevision",
        ),
        (
            "create_deployment",
            {**good, "deploymentConfigName": "x"},
            "DeploymentConfigDoesNotExist",
        ),
        (
            "create_deployment",
            {**good, "fileExistsBehavior": "RETAIN"},
            "InvalidFileExistsBehavior",
        ),
        (
            "create_deployment",
            {**good, "autoRollbackConfiguration": {"enabled": True, "events": []}},
            "InvalidAutoRollbackConfig",
        ),
        ("get_deployment", {"deploymentId": "d-NOTTHERE0"}, "DeploymentDoesNotExist"),
        ("get_deployment", {"deploymentId": "x"}, "InvalidDeploymentId"),
        ("continue_deployment", {}, "DeploymentIdRequired"),
        ("get_deployment_config", {"deploymentConfigName": "x"}, "DeploymentConfigDoesNotExist"),
        ("get_application", {"applicationName": "x"}, "ApplicationDoesNotExist"),
        (
            "get_application_revision",
            {"applicationName": application, "revision": blue.revision("version: 0.1")},
            "RevisionDoesNotExist",
        ),
    ]
    for operation, request, code in cases:
        with pytest.raises(ClientError) as error:
            getattr(blue.api, operation)(**request)
        assert refused(error)[0] == f"{code}Exception", (operation, request)
    deployment = blue.deploy()
    with pytest.raises(ClientError) as error:
        blue.api.get_deployment_target(deploymentId=deployment, targetId="a:b")
    assert refused(error)[0] == "DeploymentTargetDoesNotExistException"
    blue.ended(deployment)


def test_the_predefined_configurations(emulator: Emulator) -> None:
    api = emulator.client("codedeploy")
    found = api.get_deployment_config(
        deploymentConfigName="CodeDeployDefault.ECSLinear10PercentEvery3Minutes"
    )["deploymentConfigInfo"]
    assert found["computePlatform"] == "ECS"
    assert found["trafficRoutingConfig"] == linear(10, 3)
    listed = api.list_deployment_configs()["deploymentConfigsList"]
    assert {each for each in listed if each.startswith("CodeDeployDefault.ECS")} == {
        "CodeDeployDefault.ECSAllAtOnce",
        "CodeDeployDefault.ECSCanary10Percent15Minutes",
        "CodeDeployDefault.ECSCanary10Percent5Minutes",
        "CodeDeployDefault.ECSLinear10PercentEvery1Minutes",
        "CodeDeployDefault.ECSLinear10PercentEvery3Minutes",
    }


def test_a_stack_changes_and_removes_a_group(emulator: Emulator) -> None:
    blue = Blue(emulator, routing=LINEAR)
    properties = blue.template["Resources"]["Group"]["Properties"]
    before = blue.api.get_deployment_group(**blue.group)["deploymentGroupInfo"]
    assert before["deploymentConfigName"] == blue.ids["Config"]
    assert before["ecsServices"] == [{"clusterName": blue.name, "serviceName": blue.name}]
    properties["AlarmConfiguration"]["Alarms"] = []
    properties["DeploymentConfigName"] = "CodeDeployDefault.ECSAllAtOnce"
    emulator.deploy(blue.template, blue.stack)
    after = blue.api.get_deployment_group(**blue.group)["deploymentGroupInfo"]
    assert after["deploymentGroupId"] == before["deploymentGroupId"]
    assert after["deploymentConfigName"] == "CodeDeployDefault.ECSAllAtOnce"
    emulator.client("cloudformation").delete_stack(StackName=blue.stack)

    def is_gone() -> bool:
        try:
            blue.api.get_application(applicationName=blue.group["applicationName"])
        except ClientError:
            return True
        return False

    eventually(is_gone)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"EnableExecuteCommand": True}, "execute command"),
        ({"PlatformVersion": "1.4.0"}, "platform version"),
        (
            {"NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}}},
            "network parameters",
        ),
    ],
)
def test_a_stack_that_changes_what_code_deploy_decides_goes_back(
    emulator: Emulator, change: dict[str, Any], words: str
) -> None:
    blue = Blue(emulator)
    before = blue.service()["taskSets"]
    blue.template["Resources"]["Service"]["Properties"] |= change
    stack = emulator.deploy_anyhow(blue.template, blue.stack)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    (reason,) = emulator.reasons(blue.stack)
    assert f"Unable to update {words} on services with a CODE_DEPLOY" in reason
    assert blue.service()["taskSets"] == before


def test_a_stack_may_change_the_count_in_the_middle_of_a_shift(emulator: Emulator) -> None:
    blue = Blue(emulator, routing=CANARY)
    deployment = blue.deploy()
    eventually(lambda: blue.weights().get("Green") == 10)
    properties = blue.template["Resources"]["Service"]["Properties"]
    properties["DesiredCount"] = 3
    emulator.deploy(blue.template, blue.stack)
    assert [each["runningCount"] for each in blue.service()["taskSets"]] == [3, 3]
    assert blue.weights() == {"Blue": 90, "Green": 10}
    blue.forward(5)
    assert blue.ended(deployment)["status"] == "Succeeded"
    assert blue.service()["runningCount"] == 3


@pytest.mark.parametrize(
    ("resource", "change", "words"),
    [
        ("Application", {"ComputePlatform": "Lambda"}, "ComputePlatform must be ECS"),
        (
            "Config",
            {
                "TrafficRoutingConfig": {
                    "Type": "TimeBasedLinear",
                    "TimeBasedLinear": {"LinearPercentage": 100, "LinearInterval": 1},
                }
            },
            "1 to 99 percent",
        ),
        ("Group", {"DeploymentConfigName": "nobody"}, "No Deployment Configuration found"),
        ("Group", {"ECSServices": [{"ClusterName": "a", "ServiceName": "b"}]}, "does not exist"),
        ("Group", {"LoadBalancerInfo": {}}, "one pair of target groups"),
        ("Group", {"DeploymentStyle": {"DeploymentType": "IN_PLACE"}}, "BLUE_GREEN"),
        ("Service", {"DeploymentController": {"Type": "ECS"}}, "CODE_DEPLOY deployment"),
    ],
)
def test_a_stack_with_a_group_that_cannot_be_fails(
    emulator: Emulator, resource: str, change: dict[str, Any], words: str
) -> None:
    good = Blue(emulator, routing=LINEAR)
    text = json.dumps(good.template).replace(good.name, emulator.new_name("bad"))
    template = json.loads(text)
    template["Resources"][resource]["Properties"] |= change
    name = emulator.new_name("stack")
    stack = emulator.deploy_anyhow(template, name)
    assert "ROLLBACK" in stack["StackStatus"]
    assert any(words in reason for reason in emulator.reasons(name)), emulator.reasons(name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not well-formed"),
        ("- a list", "not well-formed"),
        ("version: 0.1", "version must be 0.0"),
        ("version: 0.0", "list of one target service"),
        (
            "version: 0.0\nResources: [{A: {Type: 'AWS::Lambda::Function'}}]",
            "AWS::ECS::Service",
        ),
        (
            _SPEC.replace("80}", "x}"),
            "must be a port",
        ),
    ],
)
def test_app_specs_that_are_refused(content: str, words: str) -> None:
    with pytest.raises(AppSpecError, match=words):
        read(content)


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ("{AfterInstall: f}", "list"),
        ("[{Install: f}]", "none of the lifecycle events"),
        ("[{AfterInstall: f}, {AfterInstall: g}]", "more than once"),
        ("[{AfterInstall: ''}]", "no function"),
    ],
)
def test_hooks_that_are_refused(hooks: str, words: str) -> None:
    with pytest.raises(AppSpecError, match=words):
        read(_SPEC + f"Hooks: {hooks}\n")


def test_what_an_app_spec_says() -> None:
    spec = read(_SPEC + "Hooks:\n  - AfterInstall: f\n")
    assert (spec.task_definition, spec.container_name, spec.container_port) == ("t:1", "app", 80)
    assert spec.hooks == {"AfterInstall": "f"}
    assert spec.settings == {
        "platformVersion": "LATEST",
        "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "ENABLED"}
        },
        "capacityProviderStrategy": [{"base": 0, "capacityProvider": "FARGATE_SPOT", "weight": 1}],
    }
