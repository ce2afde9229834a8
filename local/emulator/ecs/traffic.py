"""Traffic between the two target groups of a service, by the weights of its listener rules.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb-resources-for-blue-green.html
"""

from collections.abc import Mapping
from typing import Any

_FINEST = 10


class Traffic:
    """The rules that lead to a service.

    Parameters
    ----------
    elbv2
        A client of the load balancers.
    service
        The service's record.
    """

    def __init__(self, elbv2: Any, service: Mapping[str, Any]) -> None:
        self._elbv2 = elbv2
        self._balancers = [
            balancer
            for balancer in service.get("loadBalancers") or ()
            if balancer.get("advancedConfiguration")
        ]

    @property
    def has_test_rule(self) -> bool:
        """Whether anything leads to new tasks alone."""
        return any("testListenerRule" in each["advancedConfiguration"] for each in self._balancers)

    def lead(self, kind: str, towards: str, percent: float) -> None:
        """Send a part of the traffic to one of the groups, and the rest to the other.

        Parameters
        ----------
        kind
            ``production`` or ``test``.
        towards
            The group's side, ``blue`` or ``green``.
        percent
            How much of it.
        """
        for balancer in self._balancers:
            rule = balancer["advancedConfiguration"].get(f"{kind}ListenerRule")
            if rule:
                shares = {group_of(balancer, towards): percent}
                shares[group_of(balancer, other(towards))] = 100 - percent
                self._elbv2.modify_rule(RuleArn=rule, Actions=[_forward(shares)])


def other(side: str) -> str:
    """Return the side that is not this one."""
    return "green" if side == "blue" else "blue"


def group_of(balancer: Mapping[str, Any], side: str) -> str:
    """Return one of the two target groups: blue is the one that the service names first."""
    arn: str = (
        balancer["targetGroupArn"]
        if side == "blue"
        else balancer["advancedConfiguration"]["alternateTargetGroupArn"]
    )
    return arn


def balancers_of(service: Mapping[str, Any], side: str) -> list[dict[str, Any]]:
    """Return the load balancers of a service as tasks of one side are registered with them."""
    return [
        {**balancer, "targetGroupArn": group_of(balancer, side)}
        if balancer.get("advancedConfiguration")
        else dict(balancer)
        for balancer in service.get("loadBalancers") or ()
    ]


def _forward(shares: Mapping[str, float]) -> dict[str, Any]:
    # Weights are whole numbers, percentages have one decimal.
    scale = 1 if all(float(share).is_integer() for share in shares.values()) else _FINEST
    groups = [
        {"TargetGroupArn": group, "Weight": round(share * scale)} for group, share in shares.items()
    ]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
