"""The AppSpec file of an ECS deployment, read and checked.

https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
and https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html.
AWS's words on a file that is wrong are documented for one that cannot be parsed; the others are
this emulator's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

HOOKS: Final = (
    "BeforeInstall",
    "AfterInstall",
    "AfterAllowTestTraffic",
    "BeforeAllowTraffic",
    "AfterAllowTraffic",
)
"""The lifecycle events that a function may be called at."""


class AppSpecError(Exception):
    """The AppSpec cannot be deployed; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AppSpec:
    """What an AppSpec asks for.

    Attributes
    ----------
    task_definition
        The revision.
    container_name, container_port
        What gets the traffic.
    settings
        Of the task set: platform version, network configuration, capacity provider strategy, in
        ECS's spelling and only where given.
    hooks
        Lifecycle event -> function.
    """

    task_definition: str
    container_name: str
    container_port: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    hooks: Mapping[str, str] = field(default_factory=dict)


def read(content: str) -> AppSpec:
    """Read an AppSpec, YAML or JSON.

    Raises
    ------
    AppSpecError
        It is not one of an ECS deployment.
    """
    try:
        document = yaml.safe_load(content)
    except yaml.YAMLError:
        document = None
    if not isinstance(document, dict):
        raise AppSpecError(
            "The input AppSpec file is a not well-formed template. The template cannot be parsed "
            "as valid JSON or YAML."
        )
    members = {str(key).lower(): value for key, value in document.items()}
    if str(members.get("version")) != "0.0":
        raise AppSpecError(f"The version must be 0.0, not {members.get('version')!r}.")
    resources = members.get("resources")
    if not isinstance(resources, list) or len(resources) != 1 or not _is_entry(resources[0]):
        raise AppSpecError("Resources must be a list of one target service.")
    (target,) = resources[0].values()
    if not isinstance(target, dict) or target.get("Type") != "AWS::ECS::Service":
        raise AppSpecError("The type of the target service must be AWS::ECS::Service.")
    properties = target.get("Properties") or {}
    balancer = properties.get("LoadBalancerInfo") or {}
    for name, value in (
        ("TaskDefinition", properties.get("TaskDefinition")),
        ("LoadBalancerInfo.ContainerName", balancer.get("ContainerName")),
        ("LoadBalancerInfo.ContainerPort", balancer.get("ContainerPort")),
    ):
        if not value:
            raise AppSpecError(f"The target service has no {name}.")
    return AppSpec(
        task_definition=str(properties["TaskDefinition"]),
        container_name=str(balancer["ContainerName"]),
        container_port=_port(balancer["ContainerPort"]),
        settings=_settings(properties),
        hooks=_hooks(members.get("hooks") or []),
    )


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) and len(value) == 1


def _port(value: object) -> int:
    if not str(value).isdigit():
        raise AppSpecError(f"LoadBalancerInfo.ContainerPort must be a port, not {value!r}.")
    return int(str(value))


def _settings(properties: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if version := properties.get("PlatformVersion"):
        found["platformVersion"] = str(version)
    if network := (properties.get("NetworkConfiguration") or {}).get("AwsvpcConfiguration"):
        found["networkConfiguration"] = {
            "awsvpcConfiguration": {
                f"{key[0].lower()}{key[1:]}": value for key, value in network.items()
            }
        }
    if strategy := properties.get("CapacityProviderStrategy"):
        found["capacityProviderStrategy"] = [
            {
                "base": int(each.get("Base", 0)),
                "capacityProvider": str(each["CapacityProvider"]),
                "weight": int(each.get("Weight", 0)),
            }
            for each in strategy
        ]
    return found


def _hooks(declared: object) -> dict[str, str]:
    if not isinstance(declared, list) or not all(map(_is_entry, declared)):
        raise AppSpecError("Hooks must be a list of one lifecycle event and its function each.")
    found: dict[str, str] = {}
    for entry in declared:
        ((event, function),) = entry.items()
        if event not in HOOKS:
            raise AppSpecError(f"{event} is none of the lifecycle events {', '.join(HOOKS)}.")
        if event in found:
            raise AppSpecError(f"The lifecycle event {event} is there more than once.")
        if not isinstance(function, str) or not function:
            raise AppSpecError(f"The lifecycle event {event} has no function.")
        found[event] = function
    return found
