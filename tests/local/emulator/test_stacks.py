import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.delivery import ecs_resources
from tests.local.emulator.driver import ACCOUNT, REGION, Emulator, eventually


def network(**tags: str) -> dict[str, Any]:
    shown = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            "Subnet": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"},
            },
            "Ip": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc", "Tags": shown}},
            "Nat": {
                "Type": "AWS::EC2::NatGateway",
                "Properties": {
                    "SubnetId": {"Ref": "Subnet"},
                    "AllocationId": {"Fn::GetAtt": ["Ip", "AllocationId"]},
                    "Tags": shown,
                },
            },
            "Group": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {"GroupDescription": "g", "VpcId": {"Ref": "Vpc"}},
            },
            "In": {
                "Type": "AWS::EC2::SecurityGroupIngress",
                "Properties": {
                    "GroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
                    "IpProtocol": "tcp",
                    "FromPort": 80,
                    "ToPort": 80,
                    "CidrIp": "0.0.0.0/0",
                },
            },
            "Out": {
                "Type": "AWS::EC2::SecurityGroupEgress",
                "Properties": {
                    "GroupId": {"Fn::GetAtt": ["Group", "GroupId"]},
                    "IpProtocol": "tcp",
                    "FromPort": 443,
                    "ToPort": 443,
                    "CidrIp": "10.0.0.0/16",
                },
            },
        },
        "Outputs": {
            "Ip": {"Value": {"Ref": "Ip"}},
            "Nat": {"Value": {"Ref": "Nat"}},
            "Group": {"Value": {"Fn::GetAtt": ["Group", "GroupId"]}},
        },
    }


def ports(emulator: Emulator, group: str, direction: str) -> set[int | None]:
    (found,) = emulator.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return {each.get("FromPort") for each in found[direction]}


def test_network(emulator: Emulator) -> None:
    stack = emulator.deploy(network(a="1"))
    outputs = emulator.outputs(stack)
    ec2 = emulator.client("ec2")
    (nat,) = ec2.describe_nat_gateways(NatGatewayIds=[outputs["Nat"]])["NatGateways"]
    assert {"Key": "a", "Value": "1"} in nat["Tags"]
    assert 80 in ports(emulator, outputs["Group"], "IpPermissions")
    assert 443 in ports(emulator, outputs["Group"], "IpPermissionsEgress")

    # A tag changes in place; a port replaces the rule, and only the rule.
    changed = network(a="2")
    changed["Resources"]["In"]["Properties"] |= {"FromPort": 8080, "ToPort": 8080}
    emulator.deploy(changed, stack)
    assert emulator.outputs(stack) == outputs
    (nat,) = ec2.describe_nat_gateways(NatGatewayIds=[outputs["Nat"]])["NatGateways"]
    assert {"Key": "a", "Value": "2"} in nat["Tags"]
    assert ports(emulator, outputs["Group"], "IpPermissions") == {8080}

    emulator.client("cloudformation").delete_stack(StackName=stack)

    def is_gone() -> bool:
        addresses = ec2.describe_addresses()["Addresses"]
        return outputs["Ip"] not in {each["PublicIp"] for each in addresses}

    eventually(is_gone)
    found = ec2.describe_nat_gateways(NatGatewayIds=[outputs["Nat"]])["NatGateways"]
    assert {each["State"] for each in found} <= {"deleted"}


def test_a_rule_for_a_group_that_is_not_there_fails_the_stack(emulator: Emulator) -> None:
    template = network()
    template["Resources"]["In"]["Properties"]["GroupId"] = "sg-absent"
    name = emulator.new_name("wrong")
    assert emulator.deploy_anyhow(template, name)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "The security group 'sg-absent' does not exist" in emulator.reasons(name)


def test_events_of_an_update_name_only_what_changed(emulator: Emulator) -> None:
    stack = emulator.deploy(network(a="1"))
    cloudformation = emulator.client("cloudformation")
    before = len(cloudformation.describe_stack_events(StackName=stack)["StackEvents"])
    changed = network(a="1")
    changed["Resources"]["Ip"]["Properties"]["Tags"] = [{"Key": "b", "Value": "2"}]
    emulator.deploy(changed, stack)
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    new = events[: len(events) - before]
    assert {each["LogicalResourceId"] for each in new} == {stack, "Ip"}


def test_eventbridge_is_told_of_the_status_of_a_stack(emulator: Emulator) -> None:
    stack = emulator.new_name("told")
    sqs, events = emulator.client("sqs"), emulator.client("events")
    queue = sqs.create_queue(QueueName=stack)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    arn = found["Attributes"]["QueueArn"]
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
        ]
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    pattern = {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Stack Status Change"],
        "resources": [{"prefix": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}"}],
    }
    events.put_rule(Name=stack, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=stack, Targets=[{"Id": "queue", "Arn": arn}])
    emulator.deploy({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}}, stack)
    told: list[str] = []

    def complete() -> bool:
        for message in sqs.receive_message(QueueUrl=queue).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            assert f":stack/{stack}/" in detail["stack-id"]
            told.append(detail["status-details"]["status"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return "CREATE_COMPLETE" in told

    eventually(complete)
    # One thread for each: the order is that of no promise, as on AWS.
    assert set(told) <= {"CREATE_IN_PROGRESS", "CREATE_COMPLETE", "REVIEW_IN_PROGRESS"}


def producer(value: str) -> dict[str, Any]:
    return {
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {"Shared": {"Value": value}},
    }


def consumer(stack: str) -> dict[str, Any]:
    reference = {"StackName": stack, "OutputName": "Shared", "Region": {"Ref": "AWS::Region"}}
    return {
        "Resources": {
            "Parameter": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {
                    "Type": "String",
                    "Value": {"Fn::Join": ["", ["value: ", {"Fn::GetStackOutput": reference}]]},
                },
            },
            "Other": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": "1"},
            },
        },
        "Outputs": {"Name": {"Value": {"Ref": "Parameter"}}},
    }


def test_a_weak_reference_takes_a_changed_output_over_with_the_next_update(
    emulator: Emulator,
) -> None:
    import json

    cloudformation, ssm = emulator.client("cloudformation"), emulator.client("ssm")
    source = emulator.deploy(producer("one"))
    stack = emulator.deploy(consumer(source))
    name = emulator.outputs(stack)["Name"]
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "value: one"

    def change_set(number: int) -> dict[str, Any]:
        where = {"StackName": stack, "ChangeSetName": f"change-{number}"}
        cloudformation.create_change_set(**where, TemplateBody=json.dumps(consumer(source)))
        found: dict[str, Any] = cloudformation.describe_change_set(**where)
        return found

    assert change_set(1)["Status"] == "FAILED"  # nothing to do
    emulator.deploy(producer("two"), source)
    found = change_set(2)
    assert [each["ResourceChange"]["LogicalResourceId"] for each in found["Changes"]] == [
        "Parameter"
    ]
    cloudformation.execute_change_set(StackName=stack, ChangeSetName="change-2")
    eventually(lambda: ssm.get_parameter(Name=name)["Parameter"]["Value"] == "value: two")
    assert change_set(3)["Status"] == "FAILED"


def test_a_weak_reference_to_nothing_fails_the_stack(emulator: Emulator) -> None:
    name = emulator.new_name("wrong")
    template = consumer("absent")
    assert emulator.deploy_anyhow(template, name)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("'absent'" in reason for reason in emulator.reasons(name))


def test_connections_are_pending_until_somebody_completes_them(
    new_emulator: Callable[..., Emulator],
) -> None:
    emulator = new_emulator()
    template = {
        "Resources": {
            "Connection": {
                "Type": "AWS::CodeStarConnections::Connection",
                "Properties": {"ConnectionName": "code", "ProviderType": "GitHub"},
            }
        },
        "Outputs": {"Arn": {"Value": {"Ref": "Connection"}}},
    }
    arn = emulator.outputs(emulator.deploy(template))["Arn"]
    assert ":codestar-connections:" in arn

    def status(service: str) -> str:
        found = emulator.client(service).get_connection(ConnectionArn=arn)["Connection"]
        return str(found["ConnectionStatus"])

    assert status("codestar-connections") == "PENDING"
    assert emulator.local("POST", "connections/complete", connection=arn)[0] == 200
    assert status("codeconnections") == "AVAILABLE"
    code, answer = emulator.local("POST", "connections/complete", connection="arn:absent")
    assert (code, answer) == (400, {"message": "arn:absent was not found"})


def test_scaling(emulator: Emulator) -> None:
    target = {
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {
            "ServiceNamespace": "ecs",
            "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceId": {"Fn::Join": ["/", ["service", {"Ref": "Cluster"}, "x"]]},
            "MinCapacity": 1,
            "MaxCapacity": 4,
        },
    }
    policy = {
        "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
        "Properties": {
            "PolicyName": "cpu",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": {"Ref": "Target"},
            "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 60},
        },
    }
    resources = {"Cluster": {"Type": "AWS::ECS::Cluster"}, "Target": target, "Policy": policy}
    stack = emulator.deploy({"Resources": resources})
    scaling = emulator.client("application-autoscaling")
    (found,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (found["MinCapacity"], found["MaxCapacity"]) == (1, 4)
    (shown,) = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert shown["ResourceId"] == found["ResourceId"]
    target["Properties"]["MaxCapacity"] = 9
    emulator.deploy({"Resources": resources}, stack)
    (changed,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert changed["MaxCapacity"] == 9
    assert changed["CreationTime"] == found["CreationTime"]


def test_services_keep_what_a_template_says(emulator: Emulator) -> None:
    resources = ecs_resources()
    stack = emulator.deploy(
        {"Resources": resources, "Outputs": {"S": {"Value": {"Ref": "Service"}}}}
    )
    ecs = emulator.client("ecs")
    arn = emulator.outputs(stack)["S"]
    cluster = arn.split("/")[1]

    def service() -> dict[str, Any]:
        (found,) = ecs.describe_services(cluster=cluster, services=[arn])["services"]
        return dict(found)

    found = service()
    assert found["healthCheckGracePeriodSeconds"] == 30
    assert found["deploymentController"] == {"type": "ECS"}
    breaker = found["deploymentConfiguration"]["deploymentCircuitBreaker"]
    assert breaker == {"enable": True, "rollback": True}
    assert (found["runningCount"], found["deployments"][0]["rolloutState"]) == (2, "COMPLETED")
    resources["Definition"]["Properties"]["Cpu"] = "512"
    emulator.deploy(
        {"Resources": resources, "Outputs": {"S": {"Value": {"Ref": "Service"}}}}, stack
    )
    changed = service()
    assert changed["taskDefinition"] != found["taskDefinition"]
    definition = ecs.describe_task_definition(taskDefinition=changed["taskDefinition"])
    assert definition["taskDefinition"]["cpu"] == "512"
    assert definition["taskDefinition"]["containerDefinitions"][0]["healthCheck"]["interval"] == 5


def test_unknown_types_are_refused(emulator: Emulator) -> None:
    template = {"Resources": {"X": {"Type": "AWS::Imagined::Thing"}}}
    with pytest.raises(ClientError, match="AWS::Imagined::Thing"):
        emulator.deploy_anyhow(template, "imagined")


def test_a_custom_resource_whose_function_breaks_fails_with_the_cause(emulator: Emulator) -> None:
    code = "def handler(event, context):\n    raise RuntimeError('cannot do it')"
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Role": "arn:aws:iam::111111111111:role/function",
            "Code": {"ZipFile": code},
        },
    }
    thing = {
        "Type": "Custom::Thing",
        "Properties": {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}},
    }
    name = emulator.new_name("broken")
    stack = emulator.deploy_anyhow({"Resources": {"Function": function, "Thing": thing}}, name)
    assert stack["StackStatus"].startswith("ROLLBACK")
    assert any("cannot do it" in reason for reason in emulator.reasons(name))


def test_flow_logs(emulator: Emulator) -> None:
    template = network()
    template["Resources"]["FlowLog"] = {
        "Type": "AWS::EC2::FlowLog",
        "Properties": {
            "ResourceId": {"Ref": "Vpc"},
            "ResourceType": "VPC",
            "TrafficType": "REJECT",
            "LogDestinationType": "cloud-watch-logs",
            "LogGroupName": "flows",
        },
    }
    template["Outputs"]["FlowLog"] = {"Value": {"Ref": "FlowLog"}}
    template["Outputs"]["Vpc"] = {"Value": {"Ref": "Vpc"}}
    stack = emulator.deploy(template)
    outputs = emulator.outputs(stack)
    ec2 = emulator.client("ec2")
    (found,) = ec2.describe_flow_logs(FlowLogIds=[outputs["FlowLog"]])["FlowLogs"]
    assert (found["ResourceId"], found["TrafficType"]) == (outputs["Vpc"], "REJECT")
    del template["Resources"]["FlowLog"], template["Outputs"]["FlowLog"]
    emulator.deploy(template, stack)
    assert outputs["FlowLog"] not in {
        each["FlowLogId"] for each in ec2.describe_flow_logs()["FlowLogs"]
    }


def test_an_alarm_on_metric_math_is_kept_and_moved_by_hand_alone(emulator: Emulator) -> None:
    metrics = [{"Id": "sum", "Expression": "a + b", "Label": "Sum", "ReturnData": True}]
    emulator.deploy(
        {
            "Resources": {
                "Alarm": {
                    "Type": "AWS::CloudWatch::Alarm",
                    "Properties": {
                        "AlarmName": "math",
                        "ComparisonOperator": "GreaterThanThreshold",
                        "EvaluationPeriods": 1,
                        "Threshold": 1,
                        "TreatMissingData": "breaching",
                        "Metrics": metrics,
                    },
                }
            }
        }
    )
    cloudwatch = emulator.client("cloudwatch")

    def state() -> str:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=["math"])["MetricAlarms"]
        return str(alarm["StateValue"])

    assert state() == "INSUFFICIENT_DATA"
    cloudwatch.set_alarm_state(AlarmName="math", StateValue="ALARM", StateReason="rehearsed")
    assert state() == "ALARM"


def test_a_parameter_without_a_name_gets_one_without_a_slash(emulator: Emulator) -> None:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "a"}}
    template = {
        "Resources": {"Given": parameter},
        "Outputs": {"Name": {"Value": {"Ref": "Given"}}},
    }
    stack = emulator.deploy(template)
    name = emulator.outputs(stack)["Name"]
    assert re.fullmatch(r"CFN-Given-[A-Za-z0-9]{12}", name)
    changed = {**parameter, "Properties": {"Type": "String", "Value": "b"}}
    emulator.deploy({**template, "Resources": {"Given": changed}}, stack)
    assert emulator.outputs(stack)["Name"] == name
    assert emulator.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "b"
