"""Applications, deployment groups and configurations, by name."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from local.emulator.code_deploy import configurations
from local.emulator.service import ServiceError, store

applications = store()
groups = store()
"""``APPLICATION/GROUP`` -> the group as GetDeploymentGroup shows it."""
configs = store()
"""Those of the account's own; the predefined ones are not kept."""


def find_application(name: str | None) -> dict[str, Any]:
    """Return an application.

    Raises
    ------
    ServiceError
        There is none of that name.
    """
    if not name:
        raise ServiceError("ApplicationNameRequiredException", "Application name is missing")
    if name not in applications:
        raise ServiceError(
            "ApplicationDoesNotExistException", f"No application found for name: {name}"
        )
    found: dict[str, Any] = applications[name]
    return found


def find_group(request: Mapping[str, Any], member: str = "deploymentGroupName") -> dict[str, Any]:
    """Return the deployment group that a request names.

    Raises
    ------
    ServiceError
        There is no such application or group.
    """
    application, name = find_application(request.get("applicationName")), request.get(member)
    if not name:
        raise ServiceError(
            "DeploymentGroupNameRequiredException", "Deployment Group name is missing"
        )
    key = f"{application['applicationName']}/{name}"
    if key not in groups:
        raise ServiceError(
            "DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}"
        )
    found: dict[str, Any] = groups[key]
    return found


def find_config(name: str | None) -> dict[str, Any]:
    """Return a deployment configuration, of AWS or of the account.

    Raises
    ------
    ServiceError
        There is none of that name.
    """
    if not name:
        raise ServiceError(
            "DeploymentConfigNameRequiredException", "Deployment Configuration name is missing"
        )
    if routing := configurations.predefined().get(name):
        return new_config(name, routing)
    if name not in configs:
        raise ServiceError(
            "DeploymentConfigDoesNotExistException",
            f"No Deployment Configuration found for name: {name}",
        )
    found: dict[str, Any] = configs[name]
    return found


def new_config(name: str, routing: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a configuration."""
    return {
        "deploymentConfigId": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        "deploymentConfigName": name,
        "createTime": time.time(),
        "computePlatform": "ECS",
        "trafficRoutingConfig": dict(routing),
    }


def group_key(group: Mapping[str, Any]) -> str:
    """Return what a group is kept by."""
    return f"{group['applicationName']}/{group['deploymentGroupName']}"
