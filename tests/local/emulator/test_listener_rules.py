"""Weights of target groups: from templates, by the API, and through updates of a stack."""

from typing import Any

import pytest

from tests.local.emulator.driver import Emulator

GROUP = {"Port": 80, "Protocol": "HTTP", "TargetType": "ip", "VpcId": {"Ref": "Vpc"}}
SUBNET = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def weighted(blue: int, green: int) -> list[dict[str, Any]]:
    groups = [
        {"TargetGroupArn": {"Ref": "Blue"}, "Weight": blue},
        {"TargetGroupArn": {"Ref": "Green"}, "Weight": green},
    ]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


def template(actions: list[dict[str, Any]], path: str = "/*") -> dict[str, Any]:
    elb = "ElasticLoadBalancingV2::"
    return {
        "Resources": {
            "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
            "Subnet": resource("EC2::Subnet", **SUBNET),
            "Balancer": resource(f"{elb}LoadBalancer", Subnets=[{"Ref": "Subnet"}]),
            "Blue": resource(f"{elb}TargetGroup", **GROUP),
            "Green": resource(f"{elb}TargetGroup", **GROUP),
            "Listener": resource(
                f"{elb}Listener",
                LoadBalancerArn={"Ref": "Balancer"},
                Port=80,
                Protocol="HTTP",
                DefaultActions=[{"Type": "forward", "TargetGroupArn": {"Ref": "Blue"}}],
            ),
            "Rule": resource(
                f"{elb}ListenerRule",
                ListenerArn={"Ref": "Listener"},
                Priority=5,
                Conditions=[{"Field": "path-pattern", "Values": [path]}],
                Actions=actions,
            ),
        },
        "Outputs": {
            name: {"Value": {"Ref": name}} for name in ("Blue", "Green", "Listener", "Rule")
        },
    }


class Balanced:
    """A deployed load balancer with a rule."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.stack = emulator.deploy(template(weighted(100, 0)))
        self.names = emulator.outputs(self.stack)
        self.api = emulator.client("elbv2")

    def update(self, changed: dict[str, Any]) -> None:
        self._emulator.deploy(changed, self.stack)

    def action(self) -> dict[str, Any]:
        (rule,) = self.api.describe_rules(RuleArns=[self.names["Rule"]])["Rules"]
        (action,) = rule["Actions"]
        found: dict[str, Any] = action
        return found

    def weights(self) -> tuple[int, int]:
        groups = self.action()["ForwardConfig"]["TargetGroups"]
        found = {group["TargetGroupArn"]: group["Weight"] for group in groups}
        return found[self.names["Blue"]], found[self.names["Green"]]

    def shift(self, blue: int, green: int) -> None:
        groups = [
            {"TargetGroupArn": self.names["Blue"], "Weight": blue},
            {"TargetGroupArn": self.names["Green"], "Weight": green},
        ]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        self.api.modify_rule(RuleArn=self.names["Rule"], Actions=[action])


@pytest.fixture
def balanced(emulator: Emulator) -> Balanced:
    return Balanced(emulator)


def test_a_template_gives_weights(balanced: Balanced) -> None:
    assert balanced.weights() == (100, 0)
    assert "TargetGroupArn" not in balanced.action()


def test_one_group_is_told_in_both_ways(balanced: Balanced) -> None:
    (listener,) = balanced.api.describe_listeners(ListenerArns=[balanced.names["Listener"]])[
        "Listeners"
    ]
    (action,) = listener["DefaultActions"]
    blue = balanced.names["Blue"]
    assert action["TargetGroupArn"] == blue
    assert action["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": blue, "Weight": 1}]


def test_a_rule_and_a_listener_can_be_modified(balanced: Balanced) -> None:
    balanced.shift(60, 40)
    assert balanced.weights() == (60, 40)
    green = balanced.names["Green"]
    balanced.api.modify_rule(
        RuleArn=balanced.names["Rule"], Actions=[{"Type": "forward", "TargetGroupArn": green}]
    )
    assert balanced.action()["TargetGroupArn"] == green
    balanced.api.modify_listener(
        ListenerArn=balanced.names["Listener"],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": green}],
    )
    rules = balanced.api.describe_rules(ListenerArn=balanced.names["Listener"])["Rules"]
    (default,) = [rule for rule in rules if rule["IsDefault"]]
    assert default["Actions"][0]["TargetGroupArn"] == green


def test_an_update_of_something_else_leaves_the_weights_alone(balanced: Balanced) -> None:
    balanced.shift(0, 100)
    changed = template(weighted(100, 0))
    changed["Resources"]["More"] = resource("SSM::Parameter", Type="String", Value="x")
    balanced.update(changed)
    assert balanced.weights() == (0, 100)


def test_an_update_of_the_rule_writes_it_as_a_whole(balanced: Balanced) -> None:
    balanced.shift(0, 100)
    balanced.update(template(weighted(100, 0), path="/shop/*"))
    assert balanced.weights() == (100, 0)
