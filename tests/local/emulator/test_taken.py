"""A stack cannot make what is there already."""

from typing import Any

import pytest

from tests.local.emulator.driver import ACCOUNT, Emulator


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
NAMED = {
    "repository": resource("ECR::Repository", RepositoryName="taken"),
    "cluster": resource("ECS::Cluster", ClusterName="taken"),
    "role": resource("IAM::Role", RoleName="taken", AssumeRolePolicyDocument=TRUST),
    "log group": resource("Logs::LogGroup", LogGroupName="taken"),
    "parameter": resource("SSM::Parameter", Name="/taken", Type="String", Value="a"),
    "function": resource(
        "Lambda::Function",
        FunctionName="taken",
        Runtime="python3.13",
        Handler="index.handle",
        Role=f"arn:aws:iam::{ACCOUNT}:role/function",
        Code={"ZipFile": "def handle(event, context): pass"},
    ),
}
NOTHING = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}


def subnet(block: str) -> dict[str, Any]:
    return resource("EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock=block)


def listener(port: int) -> dict[str, Any]:
    return resource(
        "ElasticLoadBalancingV2::Listener",
        LoadBalancerArn={"Ref": "Balancer"},
        Port=port,
        Protocol="HTTP",
        DefaultActions=[NOTHING],
    )


def rule(priority: int) -> dict[str, Any]:
    return resource(
        "ElasticLoadBalancingV2::ListenerRule",
        ListenerArn={"Ref": "Listener"},
        Priority=priority,
        Conditions=[{"Field": "path-pattern", "Values": ["/a"]}],
        Actions=[NOTHING],
    )


NETWORK = {
    "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
    "One": subnet("10.0.0.0/24"),
    "Two": subnet("10.0.1.0/24"),
    "Balancer": resource(
        "ElasticLoadBalancingV2::LoadBalancer", Subnets=[{"Ref": "One"}, {"Ref": "Two"}]
    ),
    "Listener": listener(80),
    "Rule": rule(1),
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_name_that_is_taken_is_refused(emulator: Emulator, kind: str) -> None:
    template = {"Resources": {"Own": NAMED[kind]}}
    first = emulator.deploy(template)
    second = emulator.new_name("second")
    assert emulator.deploy_anyhow(template, second)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "already exists" in emulator.reasons(second)[0]
    # The first keeps it, and with it goes the name.
    cloudformation = emulator.client("cloudformation")
    cloudformation.delete_stack(StackName=second)
    third = emulator.new_name("third")
    assert emulator.deploy_anyhow(template, third)["StackStatus"] == "ROLLBACK_COMPLETE"
    cloudformation.delete_stack(StackName=first)
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=first, WaiterConfig={"Delay": 0.1}
    )
    emulator.client("cloudformation").delete_stack(
        StackName=emulator.deploy(template, emulator.new_name("fourth"))
    )


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        (listener(80), "A listener already exists on this port"),
        (rule(1), "Priority '1' is currently in use"),
        (subnet("10.0.1.128/25"), "The CIDR '10.0.1.128/25' conflicts with another subnet"),
    ],
    ids=["listener", "rule", "subnet"],
)
def test_a_port_a_priority_and_addresses_are_used_once(
    emulator: Emulator, added: dict[str, Any], reason: str
) -> None:
    stack = emulator.deploy({"Resources": NETWORK})
    update = {"Resources": {**NETWORK, "Added": {**added, "DependsOn": "Rule"}}}
    ended = emulator.deploy_anyhow(update, stack)
    assert ended["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert reason in emulator.reasons(stack)[0]


def test_others_and_changes_in_place_are_taken(emulator: Emulator) -> None:
    more = {"Third": subnet("10.0.2.0/24"), "Other": listener(81), "Second": rule(2)}
    stack = emulator.deploy({"Resources": NETWORK})
    emulator.deploy({"Resources": {**NETWORK, **more}}, stack)
    changed = {**NETWORK, "Rule": {**rule(1)}}
    changed["Rule"]["Properties"]["Conditions"] = [{"Field": "path-pattern", "Values": ["/b"]}]
    emulator.deploy({"Resources": {**changed, **more}}, stack)
