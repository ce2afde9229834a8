"""The API of CodeDeploy, for ECS.

Deployments, groups and configurations are as in
https://docs.aws.amazon.com/codedeploy/latest/APIReference/Welcome.html; applications and groups are
made by CloudFormation alone here. What an earlier process has not brought to its end fails.
"""

from collections.abc import Mapping
from typing import Any, Final

from local.emulator import scope
from local.emulator.clients import Clients
from local.emulator.code_deploy import deployments, resource_types, revisions
from local.emulator.code_deploy.catalogue import (
    applications,
    configs,
    find_application,
    find_config,
    find_group,
    groups,
)
from local.emulator.code_deploy.configurations import predefined
from local.emulator.code_deploy.deployments import FINAL, Deployment
from local.emulator.code_deploy.hooks import Hooks
from local.emulator.code_deploy.run import Control, Run
from local.emulator.pages import page
from local.emulator.service import Operation, Service, ServiceError, plug_in

_MOST_DESCRIBED: Final = 25
_ROLLBACK_EVENTS: Final = (
    "DEPLOYMENT_FAILURE",
    "DEPLOYMENT_STOP_ON_ALARM",
    "DEPLOYMENT_STOP_ON_REQUEST",
)


class CodeDeploy:
    """CodeDeploy.

    Parameters
    ----------
    clients
        Clients of the emulator.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._hooks = Hooks()
        self._controls: dict[str, Control] = {}

    def register(self) -> None:
        """Answer its API, and know its resource types."""
        resource_types.register()
        operations: dict[str, Operation] = {
            "CreateDeployment": self._create,
            "StopDeployment": self._stop,
            "ContinueDeployment": self._continue,
            "PutLifecycleEventHookExecutionStatus": self._answer,
            "GetDeployment": lambda request: {"deploymentInfo": deployments.shown(_named(request))},
            "BatchGetDeployments": _batch_get,
            "ListDeployments": _list,
            "ListDeploymentTargets": _list_targets,
            "GetDeploymentTarget": _get_target,
            "BatchGetDeploymentTargets": _batch_get_targets,
            "GetApplication": lambda request: {
                "application": _public(find_application(request.get("applicationName")))
            },
            "ListApplications": lambda request: _listed("applications", applications, request),
            "GetDeploymentGroup": lambda request: {
                "deploymentGroupInfo": _public(find_group(request))
            },
            "ListDeploymentGroups": _list_groups,
            "GetDeploymentConfig": lambda request: {
                "deploymentConfigInfo": find_config(request.get("deploymentConfigName"))
            },
            "ListDeploymentConfigs": lambda request: _listed(
                "deploymentConfigsList", [*predefined(), *configs], request
            ),
            "RegisterApplicationRevision": revisions.register,
            "GetApplicationRevision": revisions.describe,
        }
        stores = {
            "applications": applications,
            "groups": groups,
            "configs": configs,
            "deployments": deployments.deployments,
        }
        plug_in(
            Service(
                "codedeploy",
                operations,
                stores,
                restored=deployments.end_those_of_an_earlier_run,
            ),
            "CodeDeploy_20141006",
        )

    def _create(self, request: dict[str, Any]) -> dict[str, Any]:
        group = find_group(request)
        revisions.check(request.get("revision"))
        find_config(request.get("deploymentConfigName") or group["deploymentConfigName"])
        if request.get("fileExistsBehavior"):
            raise ServiceError(
                "InvalidFileExistsBehaviorException",
                "For Lambda, ECS and Kubernetes deployment, fileExistsBehavior can not be "
                "specified",
            )
        _check_rollback(request.get("autoRollbackConfiguration") or {})
        if active := deployments.active_in(group):
            raise ServiceError(
                "DeploymentLimitExceededException",
                f"The Deployment Group '{group['deploymentGroupName']}' already has an active "
                f"Deployment '{active['deploymentId']}'",
            )
        made = deployments.begin(group, request)
        revisions.note_use(request, group["deploymentGroupName"])
        control = self._controls[made["deploymentId"]] = Control()
        run = Run(made, self._clients, self._hooks, control)
        scope.in_background(f"codedeploy-{made['deploymentId']}", run.execute)
        return {"deploymentId": made["deploymentId"]}

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        deployment = _running(request)
        if (control := self._control(deployment)) is not None:
            control.roll_back = request.get("autoRollbackEnabled")
            control.stop.set()
        return {
            "status": "Pending",
            "statusMessage": "Stopping the deployment.",
        }

    def _continue(self, request: dict[str, Any]) -> dict[str, Any]:
        deployment = _running(request)
        kind = request.get("deploymentWaitType") or "READY_WAIT"
        waits = {
            "READY_WAIT": deployment["status"] == "Ready",
            "TERMINATION_WAIT": deployment["instanceTerminationWaitTimeStarted"],
        }
        if kind not in waits:
            raise ServiceError(
                "InvalidDeploymentWaitTypeException",
                f"The wait type must be READY_WAIT or TERMINATION_WAIT, not {kind!r}",
            )
        control = self._control(deployment)
        if not waits[kind] or control is None:
            raise ServiceError(
                "DeploymentIsNotInReadyStateException",
                f"The deployment {deployment['deploymentId']} does not wait for {kind}",
            )
        control.go_on[kind].set()
        return {}

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        deployment = _named(request)
        own = request.get("lifecycleEventHookExecutionId", "")
        self._hooks.answer(deployment["deploymentId"], own, request.get("status", ""))
        return {"lifecycleEventHookExecutionId": own}

    def _control(self, deployment: Deployment) -> Control | None:
        """Return how a deployment is controlled; None for one that goes back, and only ends."""
        return self._controls.get(deployment["deploymentId"])


def _check_rollback(configuration: Mapping[str, Any]) -> None:
    wrong = [each for each in configuration.get("events") or () if each not in _ROLLBACK_EVENTS]
    if wrong or (configuration.get("enabled") and not configuration.get("events")):
        raise ServiceError(
            "InvalidAutoRollbackConfigException",
            f"The events of an automatic rollback must be of {', '.join(_ROLLBACK_EVENTS)}, not "
            f"{', '.join(wrong) or 'none'}",
        )


def _named(request: Mapping[str, Any]) -> Deployment:
    return deployments.find(request.get("deploymentId"))


def _running(request: Mapping[str, Any]) -> Deployment:
    deployment = _named(request)
    if deployment["status"] in FINAL:
        raise ServiceError(
            "DeploymentAlreadyCompletedException",
            f"The deployment {deployment['deploymentId']} has completed: {deployment['status']}",
        )
    return deployment


def _public(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if not key.startswith("_")}


def _listed(member: str, names: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    return page(member, sorted(names), request)


def _list_groups(request: dict[str, Any]) -> dict[str, Any]:
    application = find_application(request.get("applicationName"))["applicationName"]
    own = [key.partition("/")[2] for key in groups if key.startswith(f"{application}/")]
    return {"applicationName": application, **_listed("deploymentGroups", own, request)}


def _list(request: dict[str, Any]) -> dict[str, Any]:
    application, group = request.get("applicationName"), request.get("deploymentGroupName")
    if application or group:
        find_group(request) if group else find_application(application)
    statuses = request.get("includeOnlyStatuses") or ()
    times = request.get("createTimeRange") or {}
    found = [
        each["deploymentId"]
        for each in sorted(
            deployments.deployments.values(), key=lambda each: each["createTime"], reverse=True
        )
        if (not application or each["applicationName"] == application)
        and (not group or each["deploymentGroupName"] == group)
        and (not statuses or each["status"] in statuses)
        and float(times.get("start") or 0) <= each["createTime"]
        and each["createTime"] <= float(times.get("end") or "inf")
    ]
    return page("deployments", found, request)


def _batch_get(request: dict[str, Any]) -> dict[str, Any]:
    ids = request.get("deploymentIds") or []
    if len(ids) > _MOST_DESCRIBED:
        raise ServiceError(
            "BatchLimitExceededException",
            f"At most {_MOST_DESCRIBED} deployments can be described at a time, not {len(ids)}",
        )
    known = [each for each in ids if each in deployments.deployments]
    return {"deploymentsInfo": [deployments.shown(deployments.find(each)) for each in known]}


def _list_targets(request: dict[str, Any]) -> dict[str, Any]:
    return page("targetIds", [_named(request)["_target"]["targetId"]], request)


def _get_target(request: dict[str, Any]) -> dict[str, Any]:
    return {"deploymentTarget": _target(_named(request), request.get("targetId"))}


def _batch_get_targets(request: dict[str, Any]) -> dict[str, Any]:
    deployment = _named(request)
    return {
        "deploymentTargets": [
            _target(deployment, each) for each in request.get("targetIds") or [None]
        ]
    }


def _target(deployment: Deployment, target_id: str | None) -> dict[str, Any]:
    if not target_id:
        raise ServiceError("DeploymentTargetIdRequiredException", "Target Id is missing")
    if target_id != deployment["_target"]["targetId"]:
        raise ServiceError(
            "DeploymentTargetDoesNotExistException",
            f"The deployment {deployment['deploymentId']} has no target {target_id}",
        )
    return deployments.shown_target(deployment)
