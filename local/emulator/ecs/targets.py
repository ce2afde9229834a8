"""Tasks as targets of load balancers: registered, and as healthy as their health checks say.

The states and reasons are those of
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html. A task
that stops gets no new requests at once, and goes on until those in flight are answered, or the
group's deregistration delay is over:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html.
"""

import collections
import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias
from xml.sax.saxutils import escape

from ministack.services import alb

from local.emulator import scope
from local.emulator.ecs.tasks import Task, address_of, load_balancers
from local.emulator.service import Response

_Key: TypeAlias = tuple[str, str, int]

_HEALTHY: Final = {"State": "healthy"}
_DELAY: Final = "deregistration_delay.timeout_seconds"
_DEFAULT_DELAY: Final = "300"


class Interface(NamedTuple):
    """The network interface of a task's containers.

    Attributes
    ----------
    address
        Its address.
    namespace
        The network namespace in which it has that; None for that of this process.
    """

    address: str
    namespace: Path | None


class Target(NamedTuple):
    """Where a request goes; see `Interface`."""

    address: str
    port: int
    namespace: Path | None


class TargetGroups:
    """Target groups, and the health of the tasks in them."""

    def __init__(self) -> None:
        self._health: dict[_Key, Mapping[str, str]] = {}
        # Of tasks; None of one that has no containers.
        self._interfaces: dict[_Key, Interface | None] = {}
        self._in_flight: collections.Counter[_Key] = collections.Counter()
        self._changed = threading.Condition()

    def register(self) -> None:
        """Answer DescribeTargetHealth with the health of tasks."""
        alb._ACTION_MAP["DescribeTargetHealth"] = self._describe

    def settings(self, group: str) -> Mapping[str, Any] | None:
        """Return a target group; None if there is none with this ARN."""
        found: Mapping[str, Any] | None = alb._tgs.get(group)
        return found

    def add(
        self, service: Mapping[str, Any], task: Task, interface: Interface | None = None
    ) -> list[str]:
        """Register a task in its target groups; returns their ARNs."""
        joined = []
        for key in _keys(service, task):
            group, address, port = key
            if group in alb._tgs:
                self.set(
                    group,
                    address,
                    port,
                    State="initial",
                    Reason="Elb.InitialHealthChecking",
                    Description="Initial health checks in progress",
                )
                self._interfaces[key] = interface
                others = [t for t in alb._targets.get(group, []) if _is_other(t, address, port)]
                alb._targets[group] = [*others, {"Id": address, "Port": port}]
                joined.append(group)
        return joined

    def remove(self, service: Mapping[str, Any], task: Task) -> list[str]:
        """Deregister a task; returns the ARNs of the target groups that it was in."""
        left = []
        with self._changed:
            for key in _keys(service, task):
                group, address, port = key
                if key in self._health:
                    del self._health[key]
                    self._interfaces.pop(key, None)
                    targets = alb._targets.get(group, [])
                    alb._targets[group] = [t for t in targets if _is_other(t, address, port)]
                    left.append(group)
        return left

    def when_drained(
        self, service: Mapping[str, Any], task: Task, then: Callable[[], None]
    ) -> None:
        """Call a function when a task that was deregistered has no requests in flight any more.

        It is called at once where there are none, else in a thread of its own.
        """
        keys = [key for key in _keys(service, task) if self._in_flight[key]]
        if not keys:
            then()
            return

        def wait() -> None:
            with self._changed:
                self._changed.wait_for(
                    lambda: not any(self._in_flight[key] for key in keys),
                    max(_delay(group) for group, _, _ in keys),
                )
            then()

        scope.in_background("elb-draining", wait)

    @contextlib.contextmanager
    def chosen(self, group: str) -> Iterator[Target | None]:
        """Choose a target for a request, which is in flight until the block's end.

        It is None in a group that has none, and for a task that has no containers.
        """
        with self._changed:
            found = self._choose(group)
            if found is not None:
                self._in_flight[found] += 1
                interface = self._interfaces.get(found, Interface(found[1], None))
        if found is None:
            yield None
            return
        try:
            yield interface and Target(interface.address, found[2], interface.namespace)
        finally:
            with self._changed:
                self._in_flight -= collections.Counter([found])
                self._changed.notify_all()

    def _choose(self, group: str) -> _Key | None:
        keys = [
            (group, target["Id"], int(target.get("Port") or alb._tgs[group]["Port"]))
            for target in alb._targets.get(group, [])
        ]
        healthy = [key for key in keys if self._health.get(key, _HEALTHY) == _HEALTHY]
        # Where none is healthy, a request goes to any.
        return random.choice(healthy or keys) if keys else None  # noqa: S311 - it only balances

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


def _keys(service: Mapping[str, Any], task: Task) -> list[_Key]:
    address = address_of(task)
    return [
        (balancer["targetGroupArn"], address, int(balancer["containerPort"]))
        for balancer in load_balancers(task, service)
        if address and balancer.get("targetGroupArn") and balancer.get("containerPort")
    ]


def _delay(group: str) -> float:
    attributes = {each["Key"]: each["Value"] for each in alb._tg_attrs.get(group, [])}
    return float(attributes.get(_DELAY, _DEFAULT_DELAY))


def _is_other(target: Mapping[str, Any], address: str, port: int) -> bool:
    return bool((target["Id"], target.get("Port")) != (address, port))


def _entry(address: str, port: int, health: Mapping[str, str]) -> str:
    fields = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in health.items())
    return (
        f"<member><Target><Id>{address}</Id><Port>{port}</Port></Target>"
        f"<HealthCheckPort>{port}</HealthCheckPort><TargetHealth>{fields}</TargetHealth></member>"
    )
