"""ECS's resource types: they keep all that a template says, and services wait to be steady.

A stack fails with a service whose deployment fails, and is rolled back:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html.
"""

import json
from collections.abc import Callable
from typing import Any

from ministack.services import ecs
from ministack.services.cloudformation import stacks

from local.emulator.ecs.scheduler import DeploymentFailedError, Scheduler
from local.emulator.ecs.services import Services
from local.emulator.resources import (
    Attributes,
    Created,
    Declared,
    Properties,
    add_resource_type,
    camel,
    tag_map,
)
from local.emulator.service import ServiceError

_SERVICE = "AWS::ECS::Service"

# The values of these are maps whose keys belong to the user.
_FREE_MAPS = {"Options", "DockerLabels", "DriverOpts", "Labels"}


def register(services: Services, scheduler: Scheduler) -> None:
    """Replace the resource types."""
    add_resource_type(
        "AWS::ECS::TaskDefinition",
        create=_register_definition,
        delete=_deregister_definition,
        update=_retag_definition,
        replaces=(
            "Family",
            "ContainerDefinitions",
            "Cpu",
            "Memory",
            "NetworkMode",
            "ExecutionRoleArn",
            "TaskRoleArn",
            "RequiresCompatibilities",
            "Volumes",
            "PidMode",
            "IpcMode",
            "PlacementConstraints",
            "ProxyConfiguration",
            "RuntimePlatform",
            "EphemeralStorage",
            "EnableFaultInjection",
        ),
        tags="Tags",
    )
    service = _ServiceType(services, scheduler)
    add_resource_type(
        _SERVICE,
        create=service.create,
        delete=service.delete,
        update=service.update,
        replaces=("ServiceName", "Cluster", "LaunchType", "SchedulingStrategy", "Role"),
        tags="Tags",
    )
    # It waits for its tasks, which want the emulator's registry meanwhile; and when its update
    # fails, it has changed already.
    stacks._runs_on_worker_thread = _or_service(stacks._runs_on_worker_thread)
    stacks._sends_back_failed_update = _or_service(stacks._sends_back_failed_update)


def _or_service(original: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda resource_type: resource_type == _SERVICE or original(resource_type)


def _register_definition(declared: Declared) -> Created:
    request = _request(declared.properties)
    request["family"] = declared.name("Family", 255)
    answer = _call(ecs._register_task_definition, request)
    arn = answer["taskDefinition"]["taskDefinitionArn"]
    return arn, {"TaskDefinitionArn": arn}


def _retag_definition(arn: str, _: Properties, declared: Declared) -> Attributes:
    ecs._tags[arn] = _tags(declared.properties)
    return {"TaskDefinitionArn": arn}


def _deregister_definition(arn: str, _: Properties) -> None:
    ecs._deregister_task_definition({"taskDefinition": arn})


class _ServiceType:
    def __init__(self, services: Services, scheduler: Scheduler) -> None:
        self._services = services
        self._scheduler = scheduler

    def create(self, declared: Declared) -> Created:
        request = _request(declared.properties)
        request["serviceName"] = declared.name("ServiceName", 255)
        request.setdefault("desiredCount", 1)
        service = _done(self._services.create, request)["service"]
        arn: str = service["serviceArn"]
        try:
            self._wait(arn)
        except ValueError:
            self.delete(arn, declared.properties)
            raise
        return arn, _service_attributes(service)

    def update(self, arn: str, old: Properties, declared: Declared) -> Attributes:
        before, after = _request(old), _request(declared.properties)
        request = {
            key: after.get(key)
            for key in before.keys() | after.keys()
            if before.get(key) != after.get(key) and key != "tags" and after.get(key) is not None
        }
        where = {"cluster": _cluster(arn), "service": arn}
        service = _done(self._services.update, {**request, **where})["service"]
        ecs._tags[arn] = _tags(declared.properties)
        if request:
            self._wait(arn)
        return _service_attributes(service)

    def delete(self, arn: str, _: Properties) -> None:
        request = {"cluster": _cluster(arn), "service": arn, "force": True}
        try:
            self._services.delete(request)
        except ServiceError as error:
            if error.code not in ("ServiceNotFoundException", "ClusterNotFoundException"):
                raise

    def _wait(self, arn: str) -> None:
        try:
            self._scheduler.wait_until_steady(arn.partition(":service/")[2])
        except DeploymentFailedError as error:
            raise ValueError(
                'Resource handler returned message: "Error occurred during operation '
                f"'ECS Deployment Circuit Breaker was triggered'.\" ({error}) "
                "(HandlerErrorCode: GeneralServiceException)"
            ) from error


def _cluster(service_arn: str) -> str:
    return service_arn.split("/")[1]


def _service_attributes(service: dict[str, Any]) -> Attributes:
    return {"ServiceArn": service["serviceArn"], "Name": service["serviceName"]}


def _request(properties: Properties) -> dict[str, Any]:
    """Translate the properties of a template to the request that they stand for."""
    request: dict[str, Any] = _respell(
        {key: value for key, value in properties.items() if key != "Tags"}
    )
    request["tags"] = _tags(properties)
    return request


def _respell(value: Any) -> Any:
    if isinstance(value, list):
        return [_respell(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    respelled: dict[str, Any] = {}
    for key, entry in value.items():
        (name,) = camel({key: None})
        respelled[name] = entry if key in _FREE_MAPS else _respell(entry)
    return respelled


def _tags(properties: Properties) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tag_map(properties).items()]


def _done(
    operation: Callable[[dict[str, Any]], dict[str, Any]], request: dict[str, Any]
) -> dict[str, Any]:
    try:
        return operation(request)
    except ServiceError as error:
        raise ValueError(str(error)) from error


def _call(operation: Any, request: dict[str, Any]) -> dict[str, Any]:
    status, _, body = operation(request)
    answer: dict[str, Any] = json.loads(body)
    if status >= 400:
        raise ValueError(answer.get("message", answer))
    return answer
