"""Operations on services and tasks that the emulator's own does not do as AWS does.

A change of what a service revision holds makes a new deployment, and so does
``forceNewDeployment``: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html.
"""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore import xform_name
from ministack.core.responses import error_response_json, json_response
from ministack.services import ecs

from local.emulator.ecs import deployments, history, task_sets, tasks
from local.emulator.ecs.scheduler import Scheduler, key_of
from local.emulator.ecs.tasks import Stop
from local.emulator.service import Operation, Response, ServiceError

_DEPLOYED: Final = (
    "taskDefinition",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "capacityProviderStrategy",
    "platformVersion",
)
_SETTINGS: Final = (
    "deploymentConfiguration",
    "deploymentController",
    "healthCheckGracePeriodSeconds",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "propagateTags",
    "placementConstraints",
    "placementStrategy",
    "availabilityZoneRebalancing",
)

_create_record: Callable[[dict[str, Any]], Response] = ecs._create_service


class Services:
    """The operations.

    Parameters
    ----------
    scheduler
        Who carries them out.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def register(self, further: Mapping[str, Operation]) -> None:
        """Take the place of the emulator's.

        Parameters
        ----------
        further
            More operations to answer.
        """
        ecs._reconcile_service_tasks = self._reconcile
        for name, operation in {
            "CreateService": self.create,
            "UpdateService": self.update,
            "DeleteService": self.delete,
            "RunTask": self._run_task,
            "StopTask": self._stop_task,
            **history.operations(),
            **further,
        }.items():
            handler = _handler(operation)
            ecs._ACTION_MAP[name] = handler
            # The emulator's other services call these by name.
            setattr(ecs, f"_{xform_name(name)}", handler)

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer CreateService."""
        if request.get("taskDefinition") or not task_sets.is_external(request):
            definition_arn(request.get("taskDefinition", ""))
        with self._scheduler.lock:
            status, _, body = _create_record(request)
        answer: dict[str, Any] = json.loads(body)
        if status >= 400:
            raise ServiceError(answer["__type"], answer["message"])
        return answer

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer UpdateService."""
        with self._scheduler.lock:
            service = find_service(request)
            if service["status"] != "ACTIVE":
                raise ServiceError("ServiceNotActiveException", "Service was not ACTIVE.")
            if task_sets.is_managed(service):
                task_sets.refuse_update(service, request)
            wanted = {name: request[name] for name in _DEPLOYED if request.get(name) is not None}
            if "taskDefinition" in wanted:
                wanted["taskDefinition"] = definition_arn(wanted["taskDefinition"])
            changed = any(service.get(name) != value for name, value in wanted.items())
            service.update(wanted)
            if "capacityProviderStrategy" in wanted:
                # An empty strategy moves the service back to a launch type.
                service["launchType"] = (
                    None if wanted["capacityProviderStrategy"] else service["launchType"] or "EC2"
                )
            service.update({name: request[name] for name in _SETTINGS if name in request})
            if request.get("desiredCount") is not None:
                service["desiredCount"] = request["desiredCount"]
            if changed or request.get("forceNewDeployment"):
                _add_deployment(service)
            self._scheduler.reconcile(key_of(service))
            return {"service": copy.deepcopy(ecs._sanitize(service))}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer DeleteService: the service is INACTIVE when the last of its tasks has stopped."""
        with self._scheduler.lock:
            service = find_service(request)
            if service["desiredCount"] and not request.get("force"):
                raise ServiceError(
                    "InvalidParameterException",
                    "The service cannot be stopped while it is scaled above 0.",
                )
            if service["status"] == "ACTIVE":
                service.update(status="DRAINING", desiredCount=0)
                if not task_sets.is_managed(service):
                    history.stop(deployments.primary_of(service))
            shown = copy.deepcopy(ecs._sanitize(service))
            self._scheduler.reconcile(key_of(service))
            return {"service": shown}

    def _reconcile(self, _: str, key: str) -> None:
        self._scheduler.reconcile(key)

    def _run_task(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._scheduler.lock:
            started = tasks.make(request)
            shown = [copy.deepcopy(ecs._sanitize(task)) for task in started]
            for task in started:
                self._scheduler.start_task(task)
        return {"tasks": shown, "failures": []}

    def _stop_task(self, request: dict[str, Any]) -> dict[str, Any]:
        cluster = ecs._resolve_cluster_name(request.get("cluster") or "default")
        task = ecs._resolve_task(request.get("task", ""), cluster)
        if task is None:
            raise ServiceError("InvalidParameterException", "The referenced task was not found.")
        reason = request.get("reason") or "Task stopped by user"
        self._scheduler.stop_task(task, Stop("UserInitiated", reason))
        return {"task": copy.deepcopy(ecs._sanitize(task))}


def _add_deployment(service: deployments.Service) -> None:
    made = ecs._make_deployment(service["taskDefinition"], service["desiredCount"])
    made["launchType"] = service.get("launchType")
    made["capacityProviderStrategy"] = service.get("capacityProviderStrategy")
    for deployment in service["deployments"]:
        deployment["status"] = "ACTIVE"
    service["deployments"] = [made, *service["deployments"]]


def find_service(request: dict[str, Any]) -> deployments.Service:
    """Return the service that a request names.

    Raises
    ------
    ServiceError
        There is no such cluster or service.
    """
    cluster = ecs._resolve_cluster_name(request.get("cluster") or "default")
    if cluster is None or cluster not in ecs._clusters:
        raise ServiceError("ClusterNotFoundException", "Cluster not found.")
    named = ecs._resolve_service_ref(request.get("service", ""))
    if named is None or named[1] not in (None, cluster):
        raise ServiceError("ServiceNotFoundException", "Service not found.")
    service: deployments.Service | None = ecs._services.get(f"{cluster}/{named[0]}")
    if service is None or service["status"] == "INACTIVE":
        raise ServiceError("ServiceNotFoundException", "Service not found.")
    return service


def definition_arn(reference: str) -> str:
    """Return the ARN of a task definition: of a revision, or of the newest of a family.

    Raises
    ------
    ServiceError
        There is none.
    """
    found = ecs._task_defs.get(ecs._resolve_td_key(reference))
    if found is None:
        raise ServiceError("ClientException", f"Unable to find task definition: {reference}")
    arn: str = found["taskDefinitionArn"]
    return arn


def _handler(operation: Operation) -> Callable[[dict[str, Any]], Response]:
    def handle(request: dict[str, Any]) -> Response:
        response: Response
        try:
            response = json_response(operation(request))
        except ServiceError as error:
            response = error_response_json(error.code, str(error), 400)
        return response

    return handle
