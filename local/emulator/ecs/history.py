"""Service deployments and service revisions: what ECS remembers of the releases of a service.

The shapes and states are those of
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html and
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceRevision.html. AWS does not
document the words of ``statusReason`` and of ``rollback.reason``; nor what becomes of a deployment
that fails without a rollback, which ends STOPPED here.
"""

import copy
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from ministack.services import ecs

from local.emulator import scope
from local.emulator.pages import page
from local.emulator.service import Operation, ServiceError, store

service_deployments = store()
service_revisions = store()

_EXCEEDED: Final = (
    "Service deployment rolled back because the circuit breaker threshold was exceeded."
)
_CONFIGURATION: Final = (
    "capacityProviderStrategy",
    "launchType",
    "platformVersion",
    "platformFamily",
    "loadBalancers",
    "serviceRegistries",
    "networkConfiguration",
)
_BRIEF: Final = (
    "serviceDeploymentArn",
    "serviceArn",
    "clusterArn",
    "startedAt",
    "createdAt",
    "finishedAt",
    "status",
    "statusReason",
)
_MOST_DESCRIBED: Final = 20


def begin(
    service: Mapping[str, Any],
    deployment: dict[str, Any],
    before: Mapping[str, Any] | None,
    breaker: Mapping[str, Any],
    threshold: int,
) -> None:
    """Remember a deployment that starts, and the revision that it brings."""
    name, now = service["serviceArn"].partition(":service/")[2], time.time()
    revision = scope.arn("ecs", f"service-revision/{name}/{secrets.randbelow(10**19):019}")
    definition = ecs._task_defs[ecs._resolve_td_key(deployment["taskDefinition"])]
    service_revisions[revision] = {
        "serviceRevisionArn": revision,
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "taskDefinition": deployment["taskDefinition"],
        **{key: copy.deepcopy(service[key]) for key in _CONFIGURATION if service.get(key)},
        "containerImages": [
            _image(container["name"], container["image"])
            for container in definition["containerDefinitions"]
        ],
        "guardDutyEnabled": False,
        "createdAt": now,
    }
    made = scope.arn("ecs", f"service-deployment/{name}/{secrets.token_urlsafe(15)}")
    service_deployments[made] = {
        "serviceDeploymentArn": made,
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "createdAt": now,
        "startedAt": now,
        "updatedAt": now,
        "sourceServiceRevisions": [_summary(before)] if before else [],
        "targetServiceRevision": {"arn": revision},
        "status": "IN_PROGRESS",
        "deploymentConfiguration": copy.deepcopy(service.get("deploymentConfiguration") or {}),
        "deploymentCircuitBreaker": {
            "status": "MONITORING" if breaker.get("enable") else "DISABLED",
            "failureCount": 0,
            "threshold": threshold,
        },
        "alarms": _alarms(service),
        "_deployment": deployment["id"],
    }
    deployment.update(_revision=revision, _service_deployment=made)


def count(deployment: Mapping[str, Any]) -> None:
    """Take over how many tasks of a deployment have failed."""
    found = _of(deployment)
    if found["status"] == "IN_PROGRESS":
        found["deploymentCircuitBreaker"]["failureCount"] = deployment["failedTasks"]
        found["updatedAt"] = time.time()


def note_digest(deployment: Mapping[str, Any], container: str, digest: str) -> None:
    """Remember which image a tag stands for in a revision."""
    for image in service_revisions[deployment["_revision"]]["containerImages"]:
        if image["containerName"] == container:
            image.setdefault("imageDigest", digest)


def note_counts(deployment: Mapping[str, Any]) -> None:
    """Take over how many tasks of a deployment there are."""
    _of(deployment)["targetServiceRevision"] = _summary(deployment)


def complete(deployment: Mapping[str, Any]) -> None:
    """Note that a deployment has succeeded, or a rollback to it."""
    found = _of(deployment)
    if found["status"] == "IN_PROGRESS":
        _end(found, "SUCCESSFUL")
    for other in service_deployments.values():
        rollback = other.get("rollback", {})
        if other["status"] == "ROLLBACK_IN_PROGRESS" and (
            rollback.get("serviceRevisionArn") == deployment["_revision"]
        ):
            _end(other, "ROLLBACK_SUCCESSFUL", rollback["reason"])


def fail(
    deployment: Mapping[str, Any], target: Mapping[str, Any] | None, *, roll_back: bool
) -> None:
    """Note that the circuit breaker has failed a deployment, and where it rolls back to."""
    found = _of(deployment)
    if found["status"] != "IN_PROGRESS":  # what was rolled back to does not come up either
        for other in service_deployments.values():
            if other["status"] == "ROLLBACK_IN_PROGRESS" and (
                other["rollback"]["serviceRevisionArn"] == deployment["_revision"]
            ):
                _end(other, "ROLLBACK_FAILED", "The tasks of the rollback failed to start.")
        return
    trip(deployment)
    if roll_back:
        _roll_back(found, target, _EXCEEDED)
    else:
        _stop(found, "The circuit breaker threshold was exceeded.")


def trip(deployment: Mapping[str, Any]) -> None:
    """Note that the circuit breaker has had enough."""
    _of(deployment)["deploymentCircuitBreaker"]["status"] = "TRIGGERED"


def roll_back(deployment: Mapping[str, Any], target: Mapping[str, Any] | None, reason: str) -> None:
    """Note that a deployment goes back, and where to; with nowhere to go it has failed."""
    _roll_back(_of(deployment), target, reason)


def note(deployment: Mapping[str, Any], **fields: Any) -> None:
    """Note how far a deployment has come."""
    _of(deployment).update(fields, updatedAt=time.time())


def note_alarms(deployment: Mapping[str, Any], raised: list[str]) -> None:
    """Note the alarms that a deployment goes back for."""
    _of(deployment)["alarms"].update(status="TRIGGERED", triggeredAlarmNames=raised)


def add_hook(deployment: Mapping[str, Any], detail: dict[str, Any]) -> None:
    """Remember a lifecycle hook that runs; what is done to ``detail`` later is remembered too."""
    _of(deployment).setdefault("lifecycleHookDetails", []).append(detail)


def _roll_back(found: dict[str, Any], target: Mapping[str, Any] | None, reason: str) -> None:
    if target is None:
        _end(found, "ROLLBACK_FAILED", f"{reason} There is no deployment to roll back to.")
        return
    found.update(
        status="ROLLBACK_IN_PROGRESS",
        statusReason=reason,
        updatedAt=time.time(),
        rollback={
            "reason": reason,
            "startedAt": time.time(),
            "serviceRevisionArn": target["_revision"],
        },
    )


def supersede(deployment: Mapping[str, Any]) -> None:
    """Note that a later deployment has taken the place of one that had not ended."""
    found = _of(deployment)
    if found["status"] == "IN_PROGRESS":
        _stop(found, "A new service deployment was started.")
    for other in service_deployments.values():
        rollback = other.get("rollback", {})
        if other["status"] == "ROLLBACK_IN_PROGRESS" and (
            rollback.get("serviceRevisionArn") == deployment["_revision"]
        ):
            _stop(other, "A new service deployment was started.")


def stop(deployment: Mapping[str, Any]) -> None:
    """Note that a service was deleted while it was deployed."""
    if _of(deployment)["status"] == "IN_PROGRESS":
        _stop(_of(deployment), "The service was deleted.")


def configuration(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the service's settings in the revision that a deployment brings."""
    revision = service_revisions[deployment["_revision"]]
    return {key: copy.deepcopy(revision[key]) for key in _CONFIGURATION if key in revision}


def operations() -> dict[str, Operation]:
    """Return the operations of the API."""
    return {
        "ListServiceDeployments": _list,
        "DescribeServiceDeployments": _describe,
        "DescribeServiceRevisions": _describe_revisions,
    }


def _of(deployment: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = service_deployments[deployment["_service_deployment"]]
    return found


def _summary(deployment: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "arn": deployment["_revision"],
        "requestedTaskCount": deployment["desiredCount"],
        "runningTaskCount": deployment["runningCount"],
        "pendingTaskCount": deployment["pendingCount"],
        "requestedProductionTrafficWeight": deployment.get("_production_weight", 100),
    }


def _alarms(service: Mapping[str, Any]) -> dict[str, Any]:
    alarms = (service.get("deploymentConfiguration") or {}).get("alarms") or {}
    if not alarms.get("enable"):
        return {"status": "DISABLED", "alarmNames": []}
    return {"status": "MONITORING", "alarmNames": list(alarms["alarmNames"])}


def _image(container: str, image: str) -> dict[str, str]:
    shown = {"containerName": container, "image": image}
    if digest := image.partition("@")[2]:
        shown["imageDigest"] = digest
    return shown


def _end(found: dict[str, Any], status: str, reason: str | None = None) -> None:
    now = time.time()
    found.update(status=status, finishedAt=now, updatedAt=now)
    if reason:
        found["statusReason"] = reason
    for monitor in (found["deploymentCircuitBreaker"], found["alarms"]):
        if monitor["status"] == "MONITORING":
            monitor["status"] = "MONITORING_COMPLETE"


def _stop(found: dict[str, Any], reason: str) -> None:
    _end(found, "STOPPED", reason)
    found["stoppedAt"] = found["finishedAt"]


def _list(request: dict[str, Any]) -> dict[str, Any]:
    service = _service_arn(request)
    created, statuses = request.get("createdAt") or {}, request.get("status") or ()
    listed = [
        {
            **{key: found[key] for key in _BRIEF if key in found},
            "targetServiceRevisionArn": found["targetServiceRevision"]["arn"],
        }
        for found in sorted(
            service_deployments.values(), key=lambda each: each["createdAt"], reverse=True
        )
        if found["serviceArn"] == service
        and (not statuses or found["status"] in statuses)
        and ("before" not in created or found["createdAt"] < created["before"])
        and ("after" not in created or found["createdAt"] > created["after"])
    ]
    return page("serviceDeployments", listed, request)


def _service_arn(request: dict[str, Any]) -> str:
    cluster = ecs._resolve_cluster_name(request.get("cluster") or "default")
    if cluster is None or cluster not in ecs._clusters:
        raise ServiceError("ClusterNotFoundException", "Cluster not found.")
    named = ecs._resolve_service_ref(request.get("service", ""))
    service = ecs._services.get(f"{cluster}/{named[0]}") if named else None
    if service is None:
        raise ServiceError("ServiceNotFoundException", "Service not found.")
    arn: str = service["serviceArn"]
    return arn


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    return _described(
        "serviceDeployments", service_deployments, request.get("serviceDeploymentArns", [])
    )


def _describe_revisions(request: dict[str, Any]) -> dict[str, Any]:
    return _described("serviceRevisions", service_revisions, request.get("serviceRevisionArns", []))


def _described(member: str, entries: Any, arns: list[str]) -> dict[str, Any]:
    if len(arns) > _MOST_DESCRIBED:
        raise ServiceError(
            "InvalidParameterException",
            f"{member} can be described {_MOST_DESCRIBED} at a time, not {len(arns)}.",
        )
    return {
        member: [ecs._sanitize(entries[arn]) for arn in arns if arn in entries],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in entries],
    }
