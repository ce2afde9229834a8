"""CodeDeploy's resource types, for ECS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_CodeDeploy.html. Other
compute platforms are refused: nothing here could deploy to them.
"""

import time
import uuid
from typing import Any, Final

from ministack.services import alb, ecs

from local.emulator.code_deploy import configurations
from local.emulator.code_deploy.catalogue import (
    applications,
    configs,
    find_application,
    find_config,
    groups,
    new_config,
)
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

_COPIED: Final = (
    "alarmConfiguration",
    "autoRollbackConfiguration",
    "blueGreenDeploymentConfiguration",
    "deploymentStyle",
    "loadBalancerInfo",
    "serviceRoleArn",
    "triggerConfigurations",
)
_MOST_ALARMS: Final = 10


def register() -> None:
    """Teach CloudFormation the types."""
    add_resource_type(
        "AWS::CodeDeploy::Application",
        create=_create_application,
        delete=_delete_application,
        update=_update_application,
        replaces=("ApplicationName", "ComputePlatform"),
        tags="Tags",
    )
    add_resource_type(
        "AWS::CodeDeploy::DeploymentConfig",
        create=_create_config,
        delete=lambda name, _: configs.pop(name, None),
        replaces=(
            "ComputePlatform",
            "DeploymentConfigName",
            "MinimumHealthyHosts",
            "TrafficRoutingConfig",
            "ZonalConfig",
        ),
    )
    add_resource_type(
        "AWS::CodeDeploy::DeploymentGroup",
        create=_create_group,
        delete=_delete_group,
        update=_update_group,
        replaces=("ApplicationName", "DeploymentGroupName"),
        tags="Tags",
    )


def _only_ecs(declared: Declared) -> None:
    platform = declared.properties.get("ComputePlatform", "Server")
    if platform != "ECS":
        raise ValueError(f"ComputePlatform must be ECS in this emulator, not {platform}")


def _create_application(declared: Declared) -> Created:
    _only_ecs(declared)
    name = declared.name("ApplicationName", 100)
    if name in applications:
        raise ValueError(f"{name} already exists")
    applications[name] = {
        "applicationId": str(uuid.uuid4()),
        "applicationName": name,
        "createTime": time.time(),
        "linkedToGitHub": False,
        "computePlatform": "ECS",
        "_tags": tag_map(declared.properties),
        "_revisions": [],
    }
    return name, {}


def _update_application(name: str, _: Properties, declared: Declared) -> Attributes:
    applications[name] = {**applications[name], "_tags": tag_map(declared.properties)}
    return {}


def _delete_application(name: str, _: Properties) -> None:
    applications.pop(name, None)
    for key in [key for key in groups if key.startswith(f"{name}/")]:
        groups.pop(key, None)


def _create_config(declared: Declared) -> Created:
    _only_ecs(declared)
    name = declared.name("DeploymentConfigName", 100)
    if name in configs:
        raise ValueError(f"{name} already exists")
    routing = camel(declared.properties.get("TrafficRoutingConfig") or {})
    configurations.check(routing)
    configs[name] = new_config(name, routing)
    return name, {}


def _create_group(declared: Declared) -> Created:
    application = declared.properties["ApplicationName"]
    name = declared.name("DeploymentGroupName", 100)
    if f"{application}/{name}" in groups:
        raise ValueError(f"{name} already exists")
    group = {"deploymentGroupId": str(uuid.uuid4()), **_group(declared, application, name)}
    groups[f"{application}/{name}"] = group
    return name, {"Id": group["deploymentGroupId"]}


def _update_group(name: str, _: Properties, declared: Declared) -> Attributes:
    application = declared.properties["ApplicationName"]
    key = f"{application}/{name}"
    kept = {
        member: groups[key][member]
        for member in (
            "deploymentGroupId",
            "targetRevision",
            "lastSuccessfulDeployment",
            "lastAttemptedDeployment",
        )
        if member in groups[key]
    }
    groups[key] = {**kept, **_group(declared, application, name)}
    return {"Id": kept["deploymentGroupId"]}


def _delete_group(name: str, properties: Properties) -> None:
    groups.pop(f"{properties['ApplicationName']}/{name}", None)


def _group(declared: Declared, application: str, name: str) -> dict[str, Any]:
    given = declared.properties
    config = given.get("DeploymentConfigName") or configurations.DEFAULT
    try:
        find_application(application)
        find_config(config)
    except ServiceError as error:
        raise ValueError(str(error)) from error
    properties = camel(given)
    services = [
        {"clusterName": each["ClusterName"], "serviceName": each["ServiceName"]}
        for each in given.get("ECSServices") or ()
    ]
    made = {
        "applicationName": application,
        "deploymentGroupName": name,
        "deploymentConfigName": config,
        "computePlatform": "ECS",
        "ecsServices": services,
        "outdatedInstancesStrategy": "UPDATE",
        **{member: properties[member] for member in _COPIED if properties.get(member)},
        "_tags": tag_map(given),
    }
    _check(made)
    return made


def _check(group: dict[str, Any]) -> None:
    """Refuse a group that CodeDeploy could not deploy to."""
    if not group.get("serviceRoleArn"):
        raise ValueError("ServiceRoleArn is missing")
    style = group.get("deploymentStyle") or {}
    if (style.get("deploymentType"), style.get("deploymentOption")) != (
        "BLUE_GREEN",
        "WITH_TRAFFIC_CONTROL",
    ):
        raise ValueError(
            "For ECS deployment group, DeploymentStyle must be BLUE_GREEN and "
            f"WITH_TRAFFIC_CONTROL, not {style}"
        )
    if not group.get("blueGreenDeploymentConfiguration"):
        raise ValueError("For ECS deployment group, BlueGreenDeploymentConfiguration is required")
    if len(group["ecsServices"]) != 1:
        raise ValueError("For ECS deployment group, ecsServices must be one service")
    _check_service(**group["ecsServices"][0])
    pairs = (group.get("loadBalancerInfo") or {}).get("targetGroupPairInfoList") or [{}]
    names = [each.get("name") for each in pairs[0].get("targetGroups") or ()]
    if len(pairs) != 1 or len(set(names)) != 2 or not pairs[0].get("prodTrafficRoute"):
        raise ValueError(
            "For ECS deployment group, LoadBalancerInfo must have one pair of target groups with "
            "its production listener"
        )
    known = {each["TargetGroupName"] for each in alb._tgs.values()}
    if missing := [name for name in names if name not in known]:
        raise ValueError(f"The target group {missing[0]} does not exist")
    alarms = (group.get("alarmConfiguration") or {}).get("alarms") or ()
    if len(alarms) > _MOST_ALARMS:
        raise ValueError(f"A deployment group has at most {_MOST_ALARMS} alarms, not {len(alarms)}")


def _check_service(*, clusterName: str, serviceName: str) -> None:  # noqa: N803  # as the API
    service = ecs._services.get(f"{clusterName}/{serviceName}")
    if service is None or service["status"] != "ACTIVE":
        raise ValueError(
            f"The ECS service {serviceName} does not exist in the cluster {clusterName}"
        )
    if (service.get("deploymentController") or {}).get("type") != "CODE_DEPLOY":
        raise ValueError(
            "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment "
            "controller."
        )
