"""Task sets: what a service runs whose deployments are made by CodeDeploy, or by somebody else.

A set has a task definition, a target group and a part of the service's desired count of its own:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskSet.html. One of them is the
PRIMARY, which is what the service itself shows as its task definition and load balancer. A set
never gives up: it starts tasks again for as long as it is there, less and less often.

Only CodeDeploy may change the sets of a service with its controller. The emulator cannot tell who
calls, and takes the calls for such a service from everyone.
"""

import copy
import math
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from local.emulator import scope
from local.emulator.ecs import deployments, tasks
from local.emulator.ecs.deployments import Service
from local.emulator.ecs.pace import shortened
from local.emulator.ecs.tasks import Stop, Task
from local.emulator.service import ServiceError

TaskSet: TypeAlias = dict[str, Any]

_MANAGED: Final = ("CODE_DEPLOY", "EXTERNAL")
_OWN: Final = (
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
)
_FAILURES_AT_ONCE, _FIRST_DELAY, _LONGEST_DELAY = 3, 10, 15 * 60
# What UpdateService does not change, and what AWS calls it in its refusal.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
_REFUSED: Final = {
    "taskDefinition": "task definition",
    "loadBalancers": "load balancers",
    "networkConfiguration": "network parameters",
    "platformVersion": "platform version",
    "serviceRegistries": "service registries",
    "capacityProviderStrategy": "capacity provider strategy",
    "enableExecuteCommand": "execute command",
    "volumeConfigurations": "volume configurations",
    "serviceConnectConfiguration": "service connect configuration",
}


class Keeper(Protocol):
    """Who starts and stops the tasks of sets."""

    def start_task(self, task: Task) -> None:
        """Start a task whose record was just made."""

    def stop_task(self, task: Task, stop: Stop) -> None:
        """Stop a task."""


def is_managed(service: Mapping[str, Any]) -> bool:
    """Return whether a service has task sets, and no deployments of ECS's own."""
    return (service.get("deploymentController") or {}).get("type") in _MANAGED


def is_external(service: Mapping[str, Any]) -> bool:
    """Return whether somebody else makes all sets of a service: it then needs no definition."""
    return (service.get("deploymentController") or {}).get("type") == "EXTERNAL"


def primary_of(service: Mapping[str, Any]) -> TaskSet | None:
    """Return the set that the service shows as its own; None before there is one."""
    found: list[TaskSet] = [s for s in service.get("taskSets") or () if s["status"] == "PRIMARY"]
    return found[0] if found else None


def refuse_update(service: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    """Refuse what UpdateService does not change of such a service.

    AWS's words are known for the first three; it counts a value that is given, also an equal one.

    Raises
    ------
    ServiceError
        With AWS's code and words.
    """
    controller = (service.get("deploymentController") or {}).get("type")
    by = (
        "Use AWS CodeDeploy to trigger a new deployment."
        if controller == "CODE_DEPLOY"
        else "Create a new task set."
    )
    for name, what in _REFUSED.items():
        if request.get(name) is not None:
            raise ServiceError(
                "InvalidParameterException",
                f"Unable to update {what} on services with a {controller} deployment controller. "
                f"{by}",
            )
    if request.get("forceNewDeployment"):
        raise ServiceError(
            "InvalidParameterException",
            f"Cannot force a new deployment on services with a {controller} deployment "
            f"controller. {by}",
        )
    wanted = (request.get("deploymentController") or {}).get("type", controller)
    if wanted != controller:
        raise ServiceError(
            "InvalidParameterException",
            f"The deployment controller {controller} cannot be changed to {wanted} in this "
            "emulator: make a second service.",
        )


def create(service: Service, request: Mapping[str, Any], definition: str) -> TaskSet:
    """Add a set to a service; it starts its tasks with the next step.

    Parameters
    ----------
    service
        The service.
    request
        As CreateTaskSet takes it. What it leaves out is the service's.
    definition
        ARN of the task definition.
    """
    now = time.time()
    name = service["serviceArn"].partition(":service/")[2]
    own = f"ecs-svc/{secrets.randbelow(9 * 10**18) + 10**18}"
    made: TaskSet = {
        "id": own,
        "taskSetArn": scope.arn("ecs", f"task-set/{name}/{own}"),
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "startedBy": None if is_external(service) else "CODE_DEPLOY",
        "externalId": request.get("externalId"),
        "status": "ACTIVE",
        "taskDefinition": definition,
        "computedDesiredCount": 0,
        "pendingCount": 0,
        "runningCount": 0,
        "createdAt": now,
        "updatedAt": now,
        **{
            key: copy.deepcopy(request[key] if request.get(key) is not None else service.get(key))
            for key in _OWN
        },
        "scale": dict(request.get("scale") or {"value": 100.0, "unit": "PERCENT"}),
        "stabilityStatus": "STABILIZING",
        "stabilityStatusAt": now,
        "tags": list(request.get("tags") or ()),
        "_failed": 0,
    }
    service["taskSets"] = [*service["taskSets"], made]
    deployments.say(service, f"created a task set {made['id']}.")
    return made


def make_primary(service: Service, wanted: TaskSet) -> None:
    """Let a service show a set as its own."""
    for each in service["taskSets"]:
        if each["status"] == "PRIMARY":
            each.update(status="ACTIVE", updatedAt=time.time())
    wanted.update(status="PRIMARY", updatedAt=time.time())
    service["taskDefinition"] = wanted["taskDefinition"]
    service.update({key: copy.deepcopy(wanted[key]) for key in _OWN})


def step(service: Service, keeper: Keeper, again: Callable[[float], None]) -> None:
    """Bring the tasks of all sets to what they say.

    Parameters
    ----------
    service
        The service.
    keeper
        Who starts and stops tasks.
    again
        Asks for another step after so many seconds.
    """
    if "taskSets" not in service:
        service.update(taskSets=[], deployments=[])
        if not is_external(service):
            make_primary(service, create(service, {}, service["taskDefinition"]))
    tasks.forget_old(service)
    all_tasks = tasks.of_service(service)
    for each in list(service["taskSets"]):
        own = [task for task in all_tasks if task.get("_deployment_id") == each["id"]]
        _scale(service, each, own, keeper, again)
        if each["status"] == "DRAINING" and all(t["lastStatus"] == "STOPPED" for t in own):
            service["taskSets"] = [other for other in service["taskSets"] if other is not each]
    _count(service)
    if service["status"] == "DRAINING" and not service["taskSets"]:
        service["status"] = "INACTIVE"


def is_steady(service: Service) -> bool:
    """Return whether every set has all of its tasks, and they are healthy."""
    return all(each["stabilityStatus"] == "STEADY_STATE" for each in service.get("taskSets") or ())


def note_failure(service: Service, task: Task) -> None:
    """Put off the next start of a set whose tasks keep failing."""
    for each in service.get("taskSets") or ():
        if each["id"] == task.get("_deployment_id"):
            each["_failed"] += 1
            more = each["_failed"] - _FAILURES_AT_ONCE
            if more == 0:
                deployments.say(service, "is unable to consistently start tasks successfully.")
            if more >= 0:
                delay = shortened(min(_FIRST_DELAY * 2 ** min(more, 10), _LONGEST_DELAY))
                each["_not_before"] = time.monotonic() + delay


def _scale(
    service: Service,
    task_set: TaskSet,
    own: list[Task],
    keeper: Keeper,
    again: Callable[[float], None],
) -> None:
    if service["status"] == "DRAINING":
        task_set["status"] = "DRAINING"
    is_going = task_set["status"] == "DRAINING"
    part = 0.0 if is_going else float(task_set["scale"].get("value", 100.0))
    desired = math.ceil(service["desiredCount"] * part / 100)
    task_set["computedDesiredCount"] = desired
    wanted = [task for task in own if tasks.is_wanted(task)]
    for task in tasks.first_given_up(wanted)[: max(0, len(wanted) - desired)]:
        reason = f"Scaling activity initiated by (task-set {task_set['id']})"
        keeper.stop_task(task, Stop("ServiceSchedulerInitiated", reason))
    missing = desired - len(wanted)
    if missing <= 0:
        return
    wait = task_set.get("_not_before", 0) - time.monotonic()
    if wait > 0:
        again(wait)
        return
    started = tasks.make(
        {
            "cluster": service["clusterArn"],
            "taskDefinition": task_set["taskDefinition"],
            "count": missing,
            "group": f"service:{service['serviceName']}",
            "startedBy": task_set["id"],
            "launchType": task_set.get("launchType"),
            "capacityProviderStrategy": task_set.get("capacityProviderStrategy"),
            "platformVersion": task_set.get("platformVersion") or "",
            "networkConfiguration": task_set.get("networkConfiguration") or {},
            "enableExecuteCommand": service.get("enableExecuteCommand", False),
            "tags": tasks.propagated_tags(service, task_set["taskDefinition"]),
            "_deploymentId": task_set["id"],
        }
    )
    for task in started:
        task["_load_balancers"] = copy.deepcopy(task_set.get("loadBalancers") or [])
    names = " ".join(f"(task {tasks.task_id(task)})" for task in started)
    deployments.say(service, f"(task-set {task_set['id']}) has started {missing} tasks: {names}.")
    for task in started:
        keeper.start_task(task)


def _count(service: Service) -> None:
    all_tasks = tasks.of_service(service)
    for each in service["taskSets"]:
        own = [task for task in all_tasks if task.get("_deployment_id") == each["id"]]
        wanted = [task for task in own if tasks.is_wanted(task)]
        each["runningCount"] = sum(task["lastStatus"] == "RUNNING" for task in own)
        each["pendingCount"] = sum(tasks.is_starting(task) for task in own)
        healthy = sum(task["_healthy"] for task in wanted)
        if healthy:
            each["_failed"] = 0
        steady = (
            each["runningCount"] == healthy == each["computedDesiredCount"]
            and not each["pendingCount"]
        )
        state = "STEADY_STATE" if steady else "STABILIZING"
        if state != each["stabilityStatus"]:
            each.update(stabilityStatus=state, stabilityStatusAt=time.time())
            if steady and each["status"] == "PRIMARY":
                deployments.say(service, "has reached a steady state.")
    service["runningCount"] = sum(task["lastStatus"] == "RUNNING" for task in all_tasks)
    service["pendingCount"] = sum(tasks.is_starting(task) for task in all_tasks)
