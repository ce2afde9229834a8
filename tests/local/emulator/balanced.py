"""A load balancer with a rule for two target groups, from a template."""

from typing import Any

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
            name: {"Value": {"Ref": name}}
            for name in ("Balancer", "Blue", "Green", "Listener", "Rule")
        },
    }


class Balanced:
    """A deployed load balancer with a rule."""

    def __init__(self, emulator: Emulator, wanted: dict[str, Any] | None = None) -> None:
        self.emulator = emulator
        self.stack = emulator.deploy(wanted or template(weighted(100, 0)))
        self.names = emulator.outputs(self.stack)
        self.api = emulator.client("elbv2")

    def update(self, changed: dict[str, Any]) -> None:
        self.emulator.deploy(changed, self.stack)

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
