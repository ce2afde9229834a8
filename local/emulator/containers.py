"""ECS: what the emulator's own drops of a template.

Task definitions and services keep all that a template says of them.
"""

import json
from typing import Any

from ministack.services import ecs

from local.emulator.resources import (
    Attributes,
    Created,
    Declared,
    Properties,
    add_resource_type,
    camel,
    tag_map,
)

# The values of these are maps whose keys belong to the user.
_FREE_MAPS = {"Options", "DockerLabels", "DriverOpts", "Labels"}


def register() -> None:
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
    add_resource_type(
        "AWS::ECS::Service",
        create=_create_service,
        delete=_delete_service,
        update=_update_service,
        replaces=("ServiceName", "Cluster", "LaunchType", "SchedulingStrategy", "Role"),
        tags="Tags",
    )


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


def _create_service(declared: Declared) -> Created:
    request = _request(declared.properties)
    request["serviceName"] = declared.name("ServiceName", 255)
    request.setdefault("desiredCount", 1)
    service = _call(ecs._create_service, request)["service"]
    return service["serviceArn"], _service_attributes(service)


def _update_service(arn: str, old: Properties, declared: Declared) -> Attributes:
    before, after = _request(old), _request(declared.properties)
    request = {
        key: after.get(key)
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key) and key != "tags" and after.get(key) is not None
    }
    answer = _call(ecs._update_service, {**request, "cluster": _cluster(arn), "service": arn})
    record = ecs._services[f"{_cluster(arn)}/{answer['service']['serviceName']}"]
    # UpdateService takes these, and the emulator's does not.
    for key in ("deploymentController", "propagateTags", "enableECSManagedTags"):
        if key in request:
            record[key] = request[key]
    ecs._tags[arn] = _tags(declared.properties)
    return _service_attributes(answer["service"])


def _delete_service(arn: str, _: Properties) -> None:
    ecs._delete_service({"cluster": _cluster(arn), "service": arn, "force": True})


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


def _call(operation: Any, request: dict[str, Any]) -> dict[str, Any]:
    status, _, body = operation(request)
    answer: dict[str, Any] = json.loads(body)
    if status >= 400:
        raise ValueError(answer.get("message", answer))
    return answer
