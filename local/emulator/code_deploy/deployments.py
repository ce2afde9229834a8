"""Deployments as records: what GetDeployment and GetDeploymentTarget show, and their events.

The states of https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_DeploymentInfo.html,
the events of
https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html, the order
of lifecycle events of
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html.
"""

import copy
import secrets
import string
import time
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from local.emulator.code_deploy.catalogue import group_key, groups
from local.emulator.events import emit
from local.emulator.scope import arn, current
from local.emulator.service import ServiceError, store

Deployment: TypeAlias = dict[str, Any]

deployments = store()

FINAL: Final = frozenset({"Succeeded", "Failed", "Stopped"})

_ALPHABET: Final = string.ascii_uppercase + string.digits
_EVENTS: Final = {
    "InProgress": "START",
    "Ready": "READY",
    "Succeeded": "SUCCESS",
    "Failed": "FAILURE",
    "Stopped": "STOP",
}
# The target's status that goes with the deployment's.
_TARGET: Final = {"Created": "Pending", "Stopped": "Failed"}


def begin(
    group: Mapping[str, Any], request: Mapping[str, Any], creator: str = "user"
) -> Deployment:
    """Make the record of a new deployment.

    Parameters
    ----------
    group
        Its deployment group.
    request
        CreateDeployment's: what it says goes before what the group says.
    creator
        Who made it.
    """
    deployment_id = "d-" + "".join(secrets.choice(_ALPHABET) for _ in range(9))
    service = group["ecsServices"][0]
    target_id = f"{service['clusterName']}:{service['serviceName']}"
    pair = group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    with_test = bool((pair.get("testTrafficRoute") or {}).get("listenerArns"))
    now = time.time()
    made: Deployment = {
        "applicationName": group["applicationName"],
        "deploymentGroupName": group["deploymentGroupName"],
        "deploymentConfigName": request.get("deploymentConfigName")
        or group["deploymentConfigName"],
        "deploymentId": deployment_id,
        "previousRevision": group.get("targetRevision"),
        "revision": request.get("revision"),
        "status": "Created",
        "createTime": now,
        "deploymentOverview": _overview("Pending"),
        "description": request.get("description"),
        "creator": creator,
        "ignoreApplicationStopFailures": False,
        "autoRollbackConfiguration": request.get("autoRollbackConfiguration")
        or group.get("autoRollbackConfiguration")
        or {"enabled": False},
        "updateOutdatedInstancesOnly": False,
        "deploymentStyle": group["deploymentStyle"],
        "instanceTerminationWaitTimeStarted": False,
        "blueGreenDeploymentConfiguration": group["blueGreenDeploymentConfiguration"],
        "loadBalancerInfo": group["loadBalancerInfo"],
        "fileExistsBehavior": "DISALLOW",
        "deploymentStatusMessages": [],
        "computePlatform": "ECS",
        "overrideAlarmConfiguration": request.get("overrideAlarmConfiguration"),
        "_alarms": request.get("overrideAlarmConfiguration") or group.get("alarmConfiguration"),
        "_service": dict(service),
        "_role": group.get("serviceRoleArn") or group.get("_role", ""),
        "_group_id": group["deploymentGroupId"],
        "_target": {
            "deploymentId": deployment_id,
            "targetId": target_id,
            "targetArn": arn("ecs", f"service/{target_id.replace(':', '/')}"),
            "lastUpdatedAt": now,
            "lifecycleEvents": [
                {"lifecycleEventName": name, "status": "Pending"}
                for name in _lifecycle(with_test=with_test)
            ],
            "status": "Pending",
            "taskSetsInfo": [],
        },
    }
    deployments[deployment_id] = made
    return made


def begin_rollback(deployment: Deployment) -> Deployment:
    """Make the record of the deployment that goes back on another."""
    group = groups.get(group_key(deployment), deployment)
    own = deployment["deploymentId"]
    made = begin(
        {
            **deployment,
            "deploymentGroupId": deployment["_group_id"],
            "ecsServices": [deployment["_service"]],
        },
        {
            "revision": group.get("targetRevision"),
            "description": f"Rolls back the deployment {own}.",
        },
        creator="codeDeployRollback",
    )
    made["rollbackInfo"] = {
        "rollbackTriggeringDeploymentId": own,
        "rollbackMessage": f"The deployment rolls back {own}.",
    }
    return made


def find(deployment_id: str | None) -> Deployment:
    """Return a deployment.

    Raises
    ------
    ServiceError
        There is none of that id.
    """
    if not deployment_id:
        raise ServiceError("DeploymentIdRequiredException", "Deployment Id is missing")
    if not deployment_id.startswith("d-"):
        raise ServiceError(
            "InvalidDeploymentIdException", f"Deployment Id {deployment_id} is not valid"
        )
    if deployment_id not in deployments:
        raise ServiceError(
            "DeploymentDoesNotExistException", f"The deployment {deployment_id} could not be found"
        )
    found: Deployment = deployments[deployment_id]
    return found


def active_in(group: Mapping[str, Any]) -> Deployment | None:
    """Return the deployment that runs in a group, if one does."""
    return next(
        (
            each
            for each in deployments.values()
            if group_key(each) == group_key(group) and each["status"] not in FINAL
        ),
        None,
    )


def move(deployment: Deployment, status: str, error: tuple[str, str] | None = None) -> None:
    """Give a deployment its next state, and tell of it.

    Parameters
    ----------
    deployment
        The deployment.
    status
        The state.
    error
        CodeDeploy's code and message, of one that has not succeeded.
    """
    now = time.time()
    target = deployment["_target"]
    if error is not None:
        code, message = error
        deployment["errorInformation"] = {"code": code, "message": message}
    has_started = "startTime" in deployment
    if status == "InProgress" and not has_started:
        deployment["startTime"] = now
    in_target = _TARGET.get(status, status)
    deployment["deploymentOverview"] = _overview(in_target)
    target.update(status=in_target, lastUpdatedAt=now)
    if status in FINAL:
        deployment["completeTime"] = now
        for event in target["lifecycleEvents"]:
            if event["status"] == "Pending":
                event["status"] = "Skipped"
    # Last: who sees the end may look at all the rest.
    deployment["status"] = status
    if status in FINAL:
        _note_in_group(deployment)
    # It starts once: that somebody has continued it sends no event, as far as AWS documents.
    if status in _EVENTS and not (status == "InProgress" and has_started):
        _tell(deployment, _EVENTS[status])


def enter(deployment: Deployment, name: str) -> None:
    """Note that a lifecycle event has begun."""
    _event(deployment, name).update(status="InProgress", startTime=time.time())
    deployment["_target"]["lastUpdatedAt"] = time.time()


def leave(deployment: Deployment, name: str, failure: str = "") -> None:
    """Note that a lifecycle event has ended, and how."""
    event = _event(deployment, name)
    event.update(status="Failed" if failure else "Succeeded", endTime=time.time())
    if failure:
        event["diagnostics"] = {
            "errorCode": "UnknownError",
            "scriptName": "",
            "message": failure,
            "logTail": "",
        }
    deployment["_target"]["lastUpdatedAt"] = time.time()


def has_event(deployment: Deployment, name: str) -> bool:
    """Return whether a deployment has a lifecycle event: some need a test listener."""
    return any(e["lifecycleEventName"] == name for e in deployment["_target"]["lifecycleEvents"])


def shown(deployment: Deployment) -> dict[str, Any]:
    """Return a deployment as GetDeployment shows it."""
    return copy.deepcopy(
        {
            key: value
            for key, value in deployment.items()
            if not key.startswith("_") and value is not None
        }
    )


def shown_target(deployment: Deployment) -> dict[str, Any]:
    """Return the one target of a deployment as GetDeploymentTarget shows it."""
    return {
        "deploymentTargetType": "ECSTarget",
        "ecsTarget": copy.deepcopy(deployment["_target"]),
    }


def end_those_of_an_earlier_run() -> None:
    """Fail what an earlier process has not brought to its end; nothing runs it any more.

    Tasks and traffic stay as they were. The next deployment begins with the primary task set, which
    gets all traffic, and removes what else there is.
    """
    for (_account, _region, _id), each in deployments.all_items():
        if each["status"] not in FINAL:
            each.update(
                status="Failed",
                completeTime=time.time(),
                errorInformation={
                    "code": "INTERNAL_ERROR",
                    "message": "The emulator ended while it deployed. Deploy again.",
                },
            )


def _lifecycle(*, with_test: bool) -> list[str]:
    test = ["AllowTestTraffic", "AfterAllowTestTraffic"] if with_test else []
    return [
        *("BeforeInstall", "Install", "AfterInstall"),
        *test,
        *("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"),
    ]


def _event(deployment: Deployment, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each
        for each in deployment["_target"]["lifecycleEvents"]
        if each["lifecycleEventName"] == name
    )
    return found


def _overview(status: str) -> dict[str, int]:
    names = ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Ready")
    return {name: int(name == status) for name in names}


def _note_in_group(deployment: Deployment) -> None:
    group = groups.get(group_key(deployment))
    if group is None:  # it was deleted meanwhile
        return
    last = {
        "deploymentId": deployment["deploymentId"],
        "status": deployment["status"],
        "createTime": deployment["createTime"],
        "endTime": deployment["completeTime"],
    }
    group["lastAttemptedDeployment"] = last
    if deployment["status"] == "Succeeded":
        group["lastSuccessfulDeployment"] = last
        if deployment["revision"]:
            group["targetRevision"] = deployment["revision"]


def _tell(deployment: Deployment, state: str) -> None:
    application, group = deployment["applicationName"], deployment["deploymentGroupName"]
    emit(
        "aws.codedeploy",
        "CodeDeploy Deployment State-change Notification",
        {
            "region": current().region,
            "deploymentId": deployment["deploymentId"],
            "instanceGroupId": deployment["_group_id"],
            "application": application,
            "deploymentGroup": group,
            "state": state,
        },
        [
            arn("codedeploy", f"application:{application}"),
            arn("codedeploy", f"deploymentgroup:{application}/{group}"),
        ],
    )
