"""The operations on task sets.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html
"""

import copy
import time
from typing import Any

from ministack.services import ecs

from local.emulator.ecs import task_sets
from local.emulator.ecs.deployments import Service
from local.emulator.ecs.scheduler import Scheduler, key_of
from local.emulator.ecs.services import definition_arn, find_service
from local.emulator.ecs.task_sets import TaskSet
from local.emulator.service import Operation, ServiceError

_MOST_SETS = 5


class TaskSetOperations:
    """The operations.

    Parameters
    ----------
    scheduler
        Who carries them out.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def operations(self) -> dict[str, Operation]:
        """Return the operations of the API."""
        return {
            "CreateTaskSet": self._create,
            "DescribeTaskSets": self._describe,
            "UpdateTaskSet": self._update,
            "UpdateServicePrimaryTaskSet": self._make_primary,
            "DeleteTaskSet": self._delete,
        }

    def _create(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._scheduler.lock:
            service = _service(request)
            if len(service["taskSets"]) >= _MOST_SETS:
                raise ServiceError(
                    "LimitExceededException", f"A service has at most {_MOST_SETS} task sets."
                )
            definition = definition_arn(request.get("taskDefinition", ""))
            _check_scale(request)
            _check_containers(request, definition)
            made = task_sets.create(service, request, definition)
            return self._answer(service, made)

    def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._scheduler.lock:
            service = _service(request)
            named = request.get("taskSets") or [each["id"] for each in service["taskSets"]]
            found = {
                name: each for name in named for each in service["taskSets"] if _is(each, name)
            }
            with_tags = "TAGS" in (request.get("include") or ())
            return {
                "taskSets": [_shown(each, with_tags=with_tags) for each in found.values()],
                "failures": [
                    {"arn": name, "reason": "MISSING"} for name in named if name not in found
                ],
            }

    def _update(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._scheduler.lock:
            service, wanted = _named(request, "taskSet")
            _check_scale(request)
            wanted.update(scale=dict(request["scale"]), updatedAt=time.time())
            return self._answer(service, wanted)

    def _make_primary(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._scheduler.lock:
            service, wanted = _named(request, "primaryTaskSet")
            if wanted["status"] == "DRAINING":
                raise ServiceError(
                    "InvalidParameterException", f"The task set {wanted['id']} is draining."
                )
            task_sets.make_primary(service, wanted)
            return self._answer(service, wanted)

    def _delete(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._scheduler.lock:
            service, wanted = _named(request, "taskSet")
            if float(wanted["scale"].get("value", 0)) and not request.get("force"):
                raise ServiceError(
                    "InvalidParameterException",
                    "The task set cannot be deleted while it is scaled above 0: scale it to 0, or "
                    "force it.",
                )
            wanted.update(status="DRAINING", updatedAt=time.time())
            return self._answer(service, wanted)

    def _answer(self, service: Service, task_set: TaskSet) -> dict[str, Any]:
        self._scheduler.reconcile(key_of(service))
        return {"taskSet": _shown(task_set)}


def _service(request: dict[str, Any]) -> Service:
    service = find_service(request)
    if not task_sets.is_managed(service):
        raise ServiceError(
            "InvalidParameterException",
            "Amazon ECS only supports task set management on services configured to use external "
            "deployment controllers.",
        )
    if service["status"] != "ACTIVE":
        raise ServiceError("ServiceNotActiveException", "Service was not ACTIVE.")
    return service


def _named(request: dict[str, Any], member: str) -> tuple[Service, TaskSet]:
    service = _service(request)
    for each in service["taskSets"]:
        if _is(each, request.get(member, "")):
            return service, each
    raise ServiceError("TaskSetNotFoundException", "The specified task set was not found.")


def _is(task_set: TaskSet, name: str) -> bool:
    return name in (task_set["id"], task_set["taskSetArn"])


def _check_scale(request: dict[str, Any]) -> None:
    scale = request.get("scale") or {"value": 100.0}
    if not 0 <= float(scale.get("value", -1)) <= 100:
        raise ServiceError(
            "InvalidParameterException",
            f"The scale of a task set must be from 0 to 100 percent, not {scale.get('value')}.",
        )


def _check_containers(request: dict[str, Any], definition: str) -> None:
    ports = {
        container["name"]: {
            int(mapping["containerPort"]) for mapping in container.get("portMappings") or ()
        }
        for container in ecs._task_defs[ecs._resolve_td_key(definition)]["containerDefinitions"]
    }
    for balancer in request.get("loadBalancers") or ():
        name, port = balancer.get("containerName"), balancer.get("containerPort")
        if name not in ports:
            raise ServiceError(
                "InvalidParameterException",
                f"The container {name} does not exist in the task definition.",
            )
        if port not in ports[name]:
            raise ServiceError(
                "InvalidParameterException",
                f"The container {name} did not have a container port {port} defined.",
            )


def _shown(task_set: TaskSet, *, with_tags: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = copy.deepcopy(ecs._sanitize(task_set))
    if not with_tags:
        shown.pop("tags", None)
    return shown
