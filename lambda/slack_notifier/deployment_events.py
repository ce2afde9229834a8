"""Events of deployments and tasks, by ECS and by CodeDeploy."""

from collections.abc import Mapping
from dataclasses import replace

from slack_notifier import console
from slack_notifier.event import Event, after, mappings, text
from slack_notifier.notice import Notice, Origin, Outcome

_AFTER_CDK_DEPLOY = (
    "CloudFormation goes back to the image of its last update. The recorded one is then released "
    "again by the pipeline, unless that is turned off."
)


# ECS: docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
def ecs_deployment(event: Event) -> Notice | None:
    """Read the state change of a deployment of an ECS service."""
    name, reason = event.get("eventName"), event.get("reason")
    state = {
        "SERVICE_DEPLOYMENT_IN_PROGRESS": (Outcome.STARTED, "Deployment started"),
        "SERVICE_DEPLOYMENT_COMPLETED": (Outcome.SUCCEEDED, "Deployment completed"),
        "SERVICE_DEPLOYMENT_FAILED": (Outcome.FAILED, "Deployment failed"),
    }.get(name)
    # The event has no cluster: it is part of the service's ARN only.
    arn = next((arn for arn in event.resources if ":service/" in arn), "")
    if not (state and arn):
        return None
    outcome, title = state
    if outcome is Outcome.STARTED and "rolling back" in reason.lower():
        outcome, title = Outcome.FAILED, "Deployment is being rolled back"
    *cluster, service = after(arn, ":service/").split("/")
    return event.notice(
        outcome,
        service,
        title,
        facts=[
            ("Cluster", "/".join(cluster)),
            ("Deployment", event.get("deploymentId")),
            ("If it was a cdk deploy", _AFTER_CDK_DEPLOY if title == "Deployment failed" else ""),
        ],
        reason=reason,
        links=console.service(event.region, "/".join(cluster), service),
        origin=Origin(
            cluster="/".join(cluster), service=service, deployment=event.get("deploymentId")
        ),
    )


_DRIFTS = {
    "DETECTED": "Another image than the recorded one is live",
    "RESTORING": "Another image is live, the recorded one is released again",
    "FROZEN": "Another image is live, and releases are frozen",
    "BLOCKED": "Another image is live, and a release is in the way",
    "GIVEN_UP": "Another image is live, the recorded one cannot be released",
    "STOPPED": "Another image is live, the release of the recorded one was stopped",
    "UNSETTLED": "Another image is live, and a deployment does not end",
    "RESTORED": "The recorded image is live again",
}


# Of the function in lambda/drift_detector.
def image_drift(event: Event) -> Notice | None:
    """Read that a service runs another image than the recorded one, or no longer does."""
    state = after(event.get("eventName"), "IMAGE_DRIFT_")
    if state not in _DRIFTS:
        return None
    *_, cluster, service = ("", "", *after((event.resources or [""])[0], ":service/").split("/"))
    pipeline = event.get("pipeline")
    notice = event.notice(
        Outcome.RECOVERED if state == "RESTORED" else Outcome.FAILED,
        service or pipeline,
        _DRIFTS[state],
        reason=event.get("reason"),
        links=console.pipeline(event.region, pipeline, event.get("execution-id"))
        + console.service(event.region, cluster, service),
    )
    # It may be sent more than once, and is one thing.
    return replace(notice, id=event.get("id") or notice.id)


# ECS: docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html and
# docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
def ecs_task(event: Event) -> Notice | None:
    """Read the state change of a task."""
    if not event.get("taskArn"):
        return None
    group = event.get("group")
    service = group.removeprefix("service:") if group.startswith("service:") else ""
    cluster = after(event.get("clusterArn"), ":cluster/")
    task = after(event.get("taskArn"), "/")
    stopped, code = event.get("stoppedReason"), event.get("stopCode")
    wrong = code in ("TaskFailedToStart", "EssentialContainerExited") or "fail" in stopped.lower()
    if event.get("lastStatus") != "STOPPED":
        outcome, title = Outcome.STARTED, f"Task is {event.get('lastStatus').lower() or 'changing'}"
    elif wrong:
        outcome = Outcome.FAILED
        title = "Task failed to start" if code == "TaskFailedToStart" else "Task stopped"
    else:
        # Scaling in and replacing tasks ends them too, some with 143: nothing is wrong.
        outcome, title = Outcome.STOPPED, "Task stopped"
    reasons = [stopped, *map(ending, mappings(event.detail.get("containers")))]
    return event.notice(
        outcome,
        service or group.removeprefix("family:") or cluster,
        title,
        facts=[
            ("Cluster", cluster),
            ("Task", task),
            ("Task definition", after(event.get("taskDefinitionArn"), "/")),
            ("Stop code", code),
        ],
        reason="\n".join(filter(None, reasons)),
        links=console.task(event.region, cluster, task)
        + console.service(event.region, cluster, service),
        origin=Origin(cluster=cluster, service=service),
    )


def ending(container: Mapping[str, object]) -> str:
    """Say how a container of a task has ended; nothing if it has not."""
    code, reason = text(container, "exitCode"), text(container, "reason")
    words = ", ".join(filter(None, (code and f"exit code {code}", reason)))
    return words and f"{text(container, 'name')}: {words}"


# CodeDeploy: docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html
def codedeploy(event: Event) -> Notice | None:
    """Read the state change of a deployment of CodeDeploy."""
    state = {
        "START": (Outcome.STARTED, "Deployment started"),
        "SUCCESS": (Outcome.SUCCEEDED, "Deployment succeeded"),
        "FAILURE": (Outcome.FAILED, "Deployment failed"),
        "STOP": (Outcome.FAILED, "Deployment stopped"),
        "READY": (Outcome.APPROVAL, "Deployment is ready to reroute traffic"),
    }.get(event.get("state"))
    application = event.get("application")
    if not (state and application):
        return None
    return event.notice(
        *(state[0], application, state[1]),
        facts=[
            ("Deployment group", event.get("deploymentGroup")),
            ("Deployment", event.get("deploymentId")),
        ],
        links=console.deployment(event.region, event.get("deploymentId")),
        origin=Origin(deployment=event.get("deploymentId")),
    )
