"""Tasks as records: what DescribeTasks and the events tell of them.

The states are those of
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html, the
events those of https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html.
"""

import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from ministack.services import ecs

from local.emulator.ecs.outbox import Outbox
from local.emulator.service import ServiceError

Task: TypeAlias = dict[str, Any]

_REMEMBERED_SECONDS: Final = 60 * 60
_STARTING: Final = ("PROVISIONING", "PENDING", "ACTIVATING")
# Those of which AWS sends an event.
_TOLD: Final = {"PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED"}
_UNTOLD: Final = {"healthStatus", "tags"}

_addresses = itertools.count(10)
_make_records = ecs._run_task


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a task stops, in AWS's words.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
    """

    code: str
    reason: str


def make(request: dict[str, Any]) -> list[Task]:
    """Make the records of tasks that are yet to start, as RunTask's request describes them.

    Raises
    ------
    ServiceError
        The request is refused.
    """
    known = set(ecs._tasks)
    status, _, body = _make_records(request)
    if status >= 400:
        answer = json.loads(body)
        raise ServiceError(answer["__type"], answer["message"])
    made = [ecs._tasks[arn] for arn in list(ecs._tasks) if arn not in known]
    for task in made:
        _prepare(task)
    return made


def _prepare(task: Task) -> None:
    # The emulator makes records of tasks that run already.
    task.update(
        lastStatus="PROVISIONING",
        pullStartedAt=None,
        pullStoppedAt=None,
        startedAt=None,
        executionStoppedAt=None,
        stoppedReason=None,
        stopCode=None,
        _healthy=False,
    )
    for container in task["containers"]:
        digest = container["image"].partition("@")[2]
        container.update(
            lastStatus="PENDING",
            runtimeId=None,
            reason=None,
            imageDigest=digest or None,
            healthStatus="UNKNOWN",
        )


def definition_of(task: Task) -> dict[str, Any]:
    """Return the task definition that a task runs."""
    found: dict[str, Any] = ecs._task_defs[ecs._resolve_td_key(task["taskDefinitionArn"])]
    return found


def task_id(task: Task) -> str:
    """Return the last part of a task's ARN."""
    found: str = task["taskArn"].rpartition("/")[2]
    return found


def is_wanted(task: Task) -> bool:
    """Return whether a task runs or starts, and is not to stop."""
    return bool(task["desiredStatus"] == "RUNNING" and task["lastStatus"] != "STOPPED")


def is_starting(task: Task) -> bool:
    """Return whether a task is on its way to RUNNING."""
    return task["lastStatus"] in _STARTING


def of_service(service: Mapping[str, Any]) -> list[Task]:
    """Return the tasks of a service, those that stopped in the last hour among them."""
    group = f"service:{service['serviceName']}"
    return [
        task
        for task in list(ecs._tasks.values())
        if task.get("group") == group and task["clusterArn"] == service["clusterArn"]
    ]


def load_balancers(task: Task, service: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return what a task is registered in: its own load balancers, or those of its service."""
    own = task.get("_load_balancers")
    return list(own if own is not None else (service or {}).get("loadBalancers") or ())


def propagated_tags(service: Mapping[str, Any], definition: str) -> list[dict[str, Any]]:
    """Return the tags that a task gets from its service, or from its task definition."""
    sources = {"SERVICE": service["serviceArn"], "TASK_DEFINITION": definition}
    source = sources.get(str(service.get("propagateTags")))
    return list(ecs._tags.get(source, [])) if source else []


def forget_old(service: Mapping[str, Any]) -> None:
    """Forget the tasks that stopped more than an hour ago, as ECS does."""
    oldest = time.time() - _REMEMBERED_SECONDS
    for task in of_service(service):
        if task["lastStatus"] != "STOPPED":
            continue
        if not task.get("stoppedAt"):  # it ended with an earlier process
            task.update(desiredStatus="STOPPED", stoppedAt=ecs._iso())
        if datetime.fromisoformat(task["stoppedAt"]).timestamp() < oldest:
            ecs._tasks.pop(task["taskArn"], None)


def advance(task: Task, status: str, outbox: Outbox) -> None:
    """Put a task into its next state, and tell of it."""
    task["lastStatus"] = status
    match status:
        case "ACTIVATING":
            task["pullStartedAt"] = ecs._iso()
        case "RUNNING":
            task["pullStoppedAt"] = task["pullStoppedAt"] or ecs._iso()
            task["startedAt"] = ecs._iso()
        case "STOPPED":
            task["stoppedAt"] = ecs._iso()
            task["executionStoppedAt"] = task["executionStoppedAt"] or task["stoppedAt"]
            for container in task["containers"]:
                container["lastStatus"] = "STOPPED"
    if status in _TOLD:
        if status != "PROVISIONING":
            task["version"] += 1
        tell(task, outbox)


def begin_stop(task: Task, stop: Stop, outbox: Outbox) -> None:
    """Tell a task to stop."""
    task.update(
        desiredStatus="STOPPED",
        stoppingAt=ecs._iso(),
        stopCode=stop.code,
        stoppedReason=stop.reason,
        version=task["version"] + 1,
    )
    tell(task, outbox)
    advance(task, "DEACTIVATING", outbox)


def tell(task: Task, outbox: Outbox) -> None:
    """Send the event of a task's state."""
    shown = ecs._sanitize(task)
    detail = {name: value for name, value in shown.items() if name not in _UNTOLD}
    detail["containers"] = [
        {name: value for name, value in container.items() if name not in _UNTOLD}
        for container in shown["containers"]
    ]
    detail["updatedAt"] = (
        datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
    outbox.put("ECS Task State Change", detail, [task["taskArn"]])


def attach(task: Task, address: str | None = None) -> None:
    """Give a task its network interface.

    Parameters
    ----------
    task
        The task.
    address
        Where its containers answer; without it one that nobody has, for a task without containers.
    """
    if address is None:
        number = next(_addresses)
        address = f"10.0.{number // 250 % 250}.{number % 250 + 4}"
    details = [{"name": "privateIPv4Address", "value": address}]
    if subnet := task.get("_subnet"):
        details.insert(0, {"name": "subnetId", "value": subnet})
    attachment = task_id(task)
    task["attachments"] = [
        {
            "id": attachment,
            "type": "ElasticNetworkInterface",
            "status": "ATTACHED",
            "details": details,
        }
    ]
    for container in task["containers"]:
        container["networkInterfaces"] = [
            {"attachmentId": attachment, "privateIpv4Address": address}
        ]


def address_of(task: Task) -> str | None:
    """Return the address of a task's network interface; None before it has one."""
    found: str | None = ecs._task_ip(task)
    return found


def first_given_up(some: list[Task]) -> list[Task]:
    """Sort tasks as a service gives them up: those that are not healthy, then the newest."""
    return sorted(some, key=lambda task: (not task["_healthy"], task["createdAt"]), reverse=True)
