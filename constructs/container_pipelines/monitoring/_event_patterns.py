"""Event patterns of the notifications: each matches events of the monitored resources alone.

Reference of the events' shapes:
https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html
https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html
https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from constructs import Construct

from container_pipelines._event_source import EVENT_SOURCE
from container_pipelines._once import arn, repository_names
from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.notifications import EventKind, NotifyOn

_Pattern = Callable[[Construct, MonitoredResources, frozenset[NotifyOn]], dict[str, Any] | None]

_PIPELINE_STATES: Final = {
    NotifyOn.FAILED: ["FAILED"],
    NotifyOn.STARTED: ["STARTED", "RESUMED"],
    NotifyOn.SUCCEEDED: ["SUCCEEDED"],
    NotifyOn.STOPPED: ["CANCELED", "STOPPING", "STOPPED", "SUPERSEDED", "ABANDONED"],
}
_BUILD_STATES: Final = {
    NotifyOn.FAILED: ["FAILED", "FAULT", "TIMED_OUT"],
    NotifyOn.STARTED: ["IN_PROGRESS"],
    NotifyOn.SUCCEEDED: ["SUCCEEDED"],
    NotifyOn.STOPPED: ["STOPPED"],
}
_DRIFTS: Final = {
    NotifyOn.FAILED: [
        f"IMAGE_DRIFT_{state}"
        for state in (
            "BLOCKED",
            "DETECTED",
            "FROZEN",
            "GIVEN_UP",
            "RESTORING",
            "STOPPED",
            "UNSETTLED",
        )
    ],
    NotifyOn.RECOVERED: ["IMAGE_DRIFT_RESTORED"],
}
_CODE_DEPLOY_STATES: Final = {
    NotifyOn.FAILED: ["FAILURE", "STOP"],
    NotifyOn.APPROVAL: ["READY"],
    NotifyOn.STARTED: ["START"],
    NotifyOn.SUCCEEDED: ["SUCCESS"],
}


def event_pattern(
    kind: EventKind, scope: Construct, monitored: MonitoredResources, notify_on: frozenset[NotifyOn]
) -> dict[str, Any] | None:
    """Make the pattern of one kind of event.

    Parameters
    ----------
    kind
        Which events.
    scope
        Whose stack the rule is in.
    monitored
        The resources that the events must be about.
    notify_on
        What notifications are sent on.

    Returns
    -------
    dict or None
        The pattern; None where no monitored resource sends such events, or nothing is to be sent
        on them.
    """
    return _PATTERNS[kind](scope, monitored, notify_on)


def _states(table: Mapping[NotifyOn, Sequence[str]], notify_on: Collection[NotifyOn]) -> list[str]:
    return [state for one, states in table.items() if one in notify_on for state in states]


def _pipeline(level: str) -> _Pattern:
    def pattern(
        scope: Construct, monitored: MonitoredResources, notify_on: frozenset[NotifyOn]
    ) -> dict[str, Any] | None:
        states = _states(_PIPELINE_STATES, notify_on)
        if monitored.pipeline is None or not states:
            return None
        detail: dict[str, Any] = {"pipeline": [monitored.pipeline_name], "state": states}
        if level == "Action":
            # Approvals have a kind of their own; without this they would be sent twice.
            detail["type"] = {"category": [{"anything-but": ["Approval"]}]}
        return {
            "source": ["aws.codepipeline"],
            "detail-type": [f"CodePipeline {level} Execution State Change"],
            "detail": detail,
        }

    return pattern


def _approvals(
    scope: Construct, monitored: MonitoredResources, notify_on: frozenset[NotifyOn]
) -> dict[str, Any] | None:
    states = _states({NotifyOn.APPROVAL: ["STARTED"], NotifyOn.FAILED: ["FAILED"]}, notify_on)
    if monitored.pipeline is None or not states:
        return None
    return {
        "source": ["aws.codepipeline"],
        "detail-type": ["CodePipeline Action Execution State Change"],
        "detail": {
            "pipeline": [monitored.pipeline_name],
            "type": {"category": ["Approval"]},
            "state": states,
        },
    }


def _builds(
    scope: Construct, monitored: MonitoredResources, notify_on: frozenset[NotifyOn]
) -> dict[str, Any] | None:
    states = _states(_BUILD_STATES, notify_on)
    if monitored.project is None or not states:
        return None
    return {
        "source": ["aws.codebuild"],
        "detail-type": ["CodeBuild Build State Change"],
        "detail": {"project-name": [monitored.project_name], "build-status": states},
    }


def _deployments(
    scope: Construct, monitored: MonitoredResources, notify_on: frozenset[NotifyOn]
) -> dict[str, Any] | None:
    names = _states(
        {
            **_DRIFTS,
            NotifyOn.FAILED: ["SERVICE_DEPLOYMENT_FAILED", *_DRIFTS[NotifyOn.FAILED]],
            NotifyOn.STARTED: ["SERVICE_DEPLOYMENT_IN_PROGRESS"],
            NotifyOn.SUCCEEDED: ["SERVICE_DEPLOYMENT_COMPLETED"],
        },
        notify_on,
    )
    if monitored.service is None or not names:
        return None
    detail: dict[str, Any] = {"eventName": names}
    if NotifyOn.FAILED in notify_on and NotifyOn.STARTED not in notify_on:
        # The circuit breaker's rollback is announced as a deployment in progress.
        rolled_back = {
            "eventName": ["SERVICE_DEPLOYMENT_IN_PROGRESS"],
            "reason": [{"wildcard": "*rolling back*"}],
        }
        detail = {"$or": [detail, rolled_back]}
    return {
        # The drift detector's events have the shape of ECS's.
        "source": ["aws.ecs", EVENT_SOURCE],
        "detail-type": ["ECS Deployment State Change", "Image Drift"],
        # These events name the cluster nowhere but in the service's ARN.
        "resources": [_service_arn(scope, monitored)],
        "detail": detail,
    }


def drift_pattern(
    scope: Construct, monitored: MonitoredResources, notify_on: frozenset[NotifyOn]
) -> dict[str, Any] | None:
    """Make the pattern of the drift detector's events alone.

    Parameters
    ----------
    scope
        Whose stack the rule is in.
    monitored
        The resources that the events must be about.
    notify_on
        What notifications are sent on.

    Returns
    -------
    dict or None
        The pattern; None without a service, or where nothing is to be sent on them.
    """
    names = _states(_DRIFTS, notify_on)
    if monitored.service is None or not names:
        return None
    return {
        "source": [EVENT_SOURCE],
        "resources": [_service_arn(scope, monitored)],
        "detail": {"eventName": names},
    }


def _service_arn(scope: Construct, monitored: MonitoredResources) -> str:
    return arn(scope, "ecs", f"service/{monitored.cluster_name}/{monitored.service_name}")


def _code_deploy(
    scope: Construct, monitored: MonitoredResources, notify_on: frozenset[NotifyOn]
) -> dict[str, Any] | None:
    states = _states(_CODE_DEPLOY_STATES, notify_on)
    group = monitored.deployment_group
    if group is None or not states:
        return None
    return {
        "source": ["aws.codedeploy"],
        "detail-type": ["CodeDeploy Deployment State-change Notification"],
        "detail": {
            "application": [group.application.application_name],
            "deploymentGroup": [group.deployment_group_name],
            "state": states,
        },
    }


def _tasks(
    scope: Construct, monitored: MonitoredResources, notify_on: frozenset[NotifyOn]
) -> dict[str, Any] | None:
    if monitored.service is None or NotifyOn.FAILED not in notify_on:
        return None
    return {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {
            "clusterArn": [monitored.cluster_arn],
            "group": [f"service:{monitored.service_name}"],
            "lastStatus": ["STOPPED"],
            # Not the tasks that scaling or a deployment stops.
            "$or": [
                {"stopCode": ["TaskFailedToStart", "EssentialContainerExited"]},
                {"stoppedReason": [{"wildcard": "*fail*"}]},
            ],
        },
    }


def _scans(
    scope: Construct, monitored: MonitoredResources, notify_on: frozenset[NotifyOn]
) -> dict[str, Any] | None:
    if monitored.repository is None or not {NotifyOn.FAILED, NotifyOn.SUCCEEDED} & notify_on:
        return None
    repository = repository_names(monitored.repository)
    bad: dict[str, Any] = {
        "$or": [
            {"finding-severity-counts": {severity: [{"numeric": [">", 0]}]}}
            for severity in ("CRITICAL", "HIGH")
        ]
        + [{"scan-status": [{"anything-but": ["COMPLETE", "INITIAL_SCAN_COMPLETE", "ACTIVE"]}]}]
    }
    return {
        "source": ["aws.ecr", "aws.inspector2"],
        "detail-type": ["ECR Image Scan", "Inspector2 Scan"],
        "detail": {
            # Amazon ECR calls the repository by its name, Inspector by its ARN.
            "repository-name": [
                repository.name,
                repository.arn,
            ],
            **({} if NotifyOn.SUCCEEDED in notify_on else bad),
        },
    }


_PATTERNS: Final[Mapping[EventKind, _Pattern]] = {
    EventKind.RELEASES: _pipeline("Pipeline"),
    EventKind.STAGES: _pipeline("Stage"),
    EventKind.ACTIONS: _pipeline("Action"),
    EventKind.APPROVALS: _approvals,
    EventKind.BUILDS: _builds,
    EventKind.DEPLOYMENTS: _deployments,
    EventKind.CODE_DEPLOY: _code_deploy,
    EventKind.TASKS: _tasks,
    EventKind.SCANS: _scans,
}
