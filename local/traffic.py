"""Where production traffic goes while a service's tasks are replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client

_CELLS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """How far a deployment has progressed.

    Attributes
    ----------
    stage
        ECS's name for what it does now, such as ``PRODUCTION_TRAFFIC_SHIFT``.
    percent
        How much of the production traffic goes to the new tasks.
    """

    stage: str
    percent: int


class Shifts:
    """The shifts of one service's traffic, seen from before a deployment on.

    Parameters
    ----------
    ecs, elbv2
        Clients.
    cluster, service
        Names of cluster and service.
    """

    def __init__(
        self, ecs: ECSClient, elbv2: ElasticLoadBalancingv2Client, cluster: str, service: str
    ) -> None:
        self._ecs, self._elbv2 = ecs, elbv2
        self._names = cluster, service
        self._rule = self._production_rule()
        self._before = self._weights() if self._rule else {}

    def now(self) -> Shift | None:
        """Return the newest deployment's progress; None where no traffic is shifted."""
        if self._rule is None:
            return None
        cluster, service = self._names
        listed = self._ecs.list_service_deployments(
            cluster=cluster, service=service, status=["IN_PROGRESS", "ROLLBACK_IN_PROGRESS"]
        )["serviceDeployments"]
        if not listed:
            return None
        (found,) = self._ecs.describe_service_deployments(
            serviceDeploymentArns=[listed[0]["serviceDeploymentArn"]]
        )["serviceDeployments"]
        return Shift(
            stage=found.get("lifecycleStage", found["status"]),
            percent=moved(self._before, self._weights()),
        )

    def _production_rule(self) -> str | None:
        cluster, service = self._names
        (found,) = self._ecs.describe_services(cluster=cluster, services=[service])["services"]
        for balancer in found["loadBalancers"]:
            if "advancedConfiguration" in balancer:
                return balancer["advancedConfiguration"].get("productionListenerRule")
        return None

    def _weights(self) -> dict[str, int]:
        (rule,) = self._elbv2.describe_rules(RuleArns=[self._rule or ""])["Rules"]
        return weights_of(rule)


def weights_of(rule: Mapping[str, Any]) -> dict[str, int]:
    """Read the weights of a listener rule.

    Parameters
    ----------
    rule
        The rule, as DescribeRules returns it.

    Returns
    -------
    dict
        The ARN of a target group -> its weight; empty for a rule that forwards nothing.
    """
    for action in rule["Actions"]:
        if groups := action.get("ForwardConfig", {}).get("TargetGroups"):
            return {group["TargetGroupArn"]: group.get("Weight", 1) for group in groups}
        if group := action.get("TargetGroupArn"):
            return {group: 1}
    return {}


def moved(before: Mapping[str, int], now: Mapping[str, int]) -> int:
    """Return how much of the traffic goes elsewhere than before.

    Parameters
    ----------
    before, now
        Weights of target groups.

    Returns
    -------
    int
        Percent.
    """
    old = {group for group, weight in before.items() if weight}
    total = sum(now.values())
    elsewhere = sum(weight for group, weight in now.items() if group not in old)
    return round(100 * elsewhere / total) if total else 0


def bar(shift: Shift) -> str:
    """Draw a shift as a line.

    Parameters
    ----------
    shift
        The shift.

    Returns
    -------
    str
        The line.
    """
    full = shift.percent * _CELLS // 100
    stage = shift.stage.replace("_", " ").lower()
    return (
        f"{'█' * full}{'░' * (_CELLS - full)} {shift.percent:3} % of traffic on new tasks, {stage}"
    )
