"""The traffic between two target groups: weights in the listeners' rules.

A deployment group names listeners, not rules. Of a listener CodeDeploy changes the rules, the
default one among them, that forward to a target group of the pair, and leaves the others alone. It
keeps the group without traffic in the rule, with the weight 0; AWS documents neither, but for the
error where no rule forwards to the primary task set's group.
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-ecs.html
"""

from collections.abc import Mapping, Sequence
from typing import Any


class TrafficError(Exception):
    """The traffic cannot be moved; the message is CodeDeploy's."""


class Route:
    """What sends traffic to one of two target groups, or to both.

    Parameters
    ----------
    elbv2
        A client of the load balancers.
    listeners
        ARNs of the listeners.
    pair
        ARNs of the two target groups.
    """

    def __init__(self, elbv2: Any, listeners: Sequence[str], pair: Sequence[str]) -> None:
        self._elbv2 = elbv2
        self._listeners = listeners
        self._pair = pair

    def check(self, primary: str) -> None:
        """Refuse listeners of which no rule forwards to the primary task set's group.

        Raises
        ------
        TrafficError
            One is like that.
        """
        for listener in self._listeners:
            if not any(primary in _groups(rule["Actions"]) for rule in self._rules(listener)):
                raise TrafficError(
                    "The ELB could not be updated due to the following error: Primary taskset "
                    f"target group must be behind listener {listener}"
                )

    def send(self, weights: Mapping[str, int]) -> None:
        """Return the target groups of the pair these weights, wherever one of them is."""
        for listener in self._listeners:
            for rule in self._rules(listener):
                if not set(self._pair) & set(_groups(rule["Actions"])):
                    continue
                actions = [self._weighted(action, weights) for action in rule["Actions"]]
                if rule["IsDefault"]:
                    self._elbv2.modify_listener(ListenerArn=listener, DefaultActions=actions)
                else:
                    self._elbv2.modify_rule(RuleArn=rule["RuleArn"], Actions=actions)

    def _rules(self, listener: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._elbv2.describe_rules(ListenerArn=listener)["Rules"]
        return found

    def _weighted(self, action: Mapping[str, Any], weights: Mapping[str, int]) -> dict[str, Any]:
        if action["Type"] != "forward":
            return dict(action)
        config = action.get("ForwardConfig") or {}
        kept = {key: value for key, value in config.items() if key != "TargetGroups"}
        groups = [{"TargetGroupArn": group, "Weight": weights[group]} for group in self._pair]
        return {
            **{key: action[key] for key in ("Type", "Order") if key in action},
            "ForwardConfig": {**kept, "TargetGroups": groups},
        }


def _groups(actions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the target groups that actions forward to."""
    found = []
    for action in actions:
        config = (action.get("ForwardConfig") or {}).get("TargetGroups") or ()
        found += [each["TargetGroupArn"] for each in config]
        if action.get("TargetGroupArn"):
            found.append(action["TargetGroupArn"])
    return found
