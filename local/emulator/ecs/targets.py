"""Tasks as targets of load balancers: registered, and as healthy as their health checks say.

The states and reasons are those of
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html. A task
that stops is deregistered at once: the delay is for requests in flight, and there are none.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

from ministack.services import alb

from local.emulator.ecs.tasks import Task, address_of, load_balancers
from local.emulator.service import Response

_Target: TypeAlias = tuple[str, str, int]

_HEALTHY = {"State": "healthy"}


class TargetGroups:
    """Target groups, and the health of the tasks in them."""

    def __init__(self) -> None:
        self._health: dict[_Target, Mapping[str, str]] = {}

    def register(self) -> None:
        """Answer DescribeTargetHealth with the health of tasks."""
        alb._ACTION_MAP["DescribeTargetHealth"] = self._describe

    def settings(self, group: str) -> Mapping[str, Any] | None:
        """Return a target group; None if there is none with this ARN."""
        found: Mapping[str, Any] | None = alb._tgs.get(group)
        return found

    def add(self, service: Mapping[str, Any], task: Task) -> list[str]:
        """Register a task in its target groups; returns their ARNs."""
        joined = []
        for group, port in _groups(service, task):
            if (address := address_of(task)) and group in alb._tgs:
                self.set(
                    group,
                    address,
                    port,
                    State="initial",
                    Reason="Elb.InitialHealthChecking",
                    Description="Initial health checks in progress",
                )
                others = [t for t in alb._targets.get(group, []) if _is_other(t, address, port)]
                alb._targets[group] = [*others, {"Id": address, "Port": port}]
                joined.append(group)
        return joined

    def remove(self, service: Mapping[str, Any], task: Task) -> list[str]:
        """Deregister a task; returns the ARNs of the target groups that it was in."""
        left = []
        for group, port in _groups(service, task):
            if (address := address_of(task)) and (group, address, port) in self._health:
                del self._health[group, address, port]
                targets = alb._targets.get(group, [])
                alb._targets[group] = [t for t in targets if _is_other(t, address, port)]
                left.append(group)
        return left

    def set(self, group: str, address: str, port: int, **health: str) -> None:
        """Set the health of a target: ``State``, ``Reason`` and ``Description``."""
        self._health[group, address, port] = health

    def _describe(self, params: Any) -> Response:
        group = alb._p(params, "TargetGroupArn")
        if group not in alb._tgs:
            missing: Response = alb._error(
                "TargetGroupNotFound", f"Target group '{group}' not found."
            )
            return missing
        wanted = {target["Id"] for target in alb._parse_targets_param(params)}
        default = alb._tgs[group]["Port"]
        entries = [
            _entry(target["Id"], port, self._health.get((group, target["Id"], port), _HEALTHY))
            for target in alb._targets.get(group, [])
            for port in [int(target.get("Port", default))]
            if not wanted or target["Id"] in wanted
        ]
        body = f"<TargetHealthDescriptions>{''.join(entries)}</TargetHealthDescriptions>"
        answer: Response = alb._xml(200, "DescribeTargetHealth", body)
        return answer


def _groups(service: Mapping[str, Any], task: Task) -> list[tuple[str, int]]:
    return [
        (balancer["targetGroupArn"], int(balancer["containerPort"]))
        for balancer in load_balancers(task, service)
        if balancer.get("targetGroupArn") and balancer.get("containerPort")
    ]


def _is_other(target: Mapping[str, Any], address: str, port: int) -> bool:
    return bool((target["Id"], target.get("Port")) != (address, port))


def _entry(address: str, port: int, health: Mapping[str, str]) -> str:
    told = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in health.items())
    return (
        f"<member><Target><Id>{address}</Id><Port>{port}</Port></Target>"
        f"<HealthCheckPort>{port}</HealthCheckPort><TargetHealth>{told}</TargetHealth></member>"
    )
