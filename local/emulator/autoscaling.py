"""Application Auto Scaling: targets and policies, kept and described but never acted upon."""

import time
import uuid
from typing import Any, Final

from local.emulator import scope
from local.emulator.resources import Attributes, Created, Declared, Properties, add_resource_type
from local.emulator.service import Service, ServiceError, plug_in, store

# By which a target is scaled that is given none.
# https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
_LINKED_ROLE: Final = (
    "arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_ECSService"
)

_targets = store()
_policies = store()


def register() -> None:
    """Add the service and its resource types."""
    plug_in(
        Service(
            "application-autoscaling",
            {
                "DescribeScalableTargets": _describe_targets,
                "DescribeScalingPolicies": _describe_policies,
                "ListTagsForResource": _tags,
            },
            {"targets": _targets, "policies": _policies},
        ),
        "AnyScaleFrontendService",
    )
    identity = ("ResourceId", "ScalableDimension", "ServiceNamespace")
    add_resource_type(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        create=_create_target,
        delete=_delete_target,
        update=_update_target,
        replaces=identity,
    )
    add_resource_type(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        create=_create_policy,
        delete=_delete_policy,
        update=_update_policy,
        replaces=("PolicyName", "ScalingTargetId", *identity),
    )


def _create_target(declared: Declared) -> Created:
    properties = declared.properties
    target = "|".join(
        properties[key] for key in ("ResourceId", "ScalableDimension", "ServiceNamespace")
    )
    _targets[target] = {
        "RoleARN": _LINKED_ROLE.format(scope.current().account),
        **properties,
        "CreationTime": time.time(),
        "ScalableTargetARN": scope.arn(
            "application-autoscaling", f"scalable-target/{uuid.uuid4().hex}"
        ),
    }
    return target, {"Id": target}


def _update_target(target: str, _: Properties, declared: Declared) -> Attributes:
    kept = {key: _targets[target][key] for key in ("CreationTime", "RoleARN", "ScalableTargetARN")}
    _targets[target] = {**kept, **declared.properties}
    return {"Id": target}


def _delete_target(target: str, _: Properties) -> None:
    _targets.pop(target, None)


def _policy(declared: Declared) -> dict[str, Any]:
    properties = dict(declared.properties)
    if target := properties.pop("ScalingTargetId", None):
        if target not in _targets:
            raise ValueError(f"No scalable target registered: {target}")
        resource, dimension, namespace = target.split("|")
        properties |= {
            "ResourceId": resource,
            "ScalableDimension": dimension,
            "ServiceNamespace": namespace,
        }
    return properties


def _create_policy(declared: Declared) -> Created:
    properties = _policy(declared)
    name = properties["PolicyName"]
    policy = scope.arn("autoscaling", f"scalingPolicy:{uuid.uuid4()}:policyName/{name}")
    _policies[policy] = {**properties, "PolicyARN": policy, "CreationTime": time.time()}
    return policy, {"Arn": policy}


def _update_policy(policy: str, _: Properties, declared: Declared) -> Attributes:
    kept = {key: _policies[policy][key] for key in ("CreationTime", "PolicyARN")}
    _policies[policy] = {**_policy(declared), **kept}
    return {"Arn": policy}


def _delete_policy(policy: str, _: Properties) -> None:
    _policies.pop(policy, None)


def _describe_targets(request: dict[str, Any]) -> dict[str, Any]:
    return {"ScalableTargets": _select(_targets, request)}


def _describe_policies(request: dict[str, Any]) -> dict[str, Any]:
    return {"ScalingPolicies": _select(_policies, request)}


def _select(entries: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
    if "ServiceNamespace" not in request:
        raise ServiceError("ValidationException", "ServiceNamespace is required.")
    resources = set(request.get("ResourceIds", [])) | {request.get("ResourceId")} - {None}
    return [
        entry
        for entry in entries.values()
        if entry["ServiceNamespace"] == request["ServiceNamespace"]
        and (not resources or entry["ResourceId"] in resources)
    ]


def _tags(_: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": {}}
