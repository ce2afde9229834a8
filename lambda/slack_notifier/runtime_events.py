"""Events of what has been released: ECS services and tasks, images, alarms."""

from collections.abc import Mapping

from slack_notifier import console
from slack_notifier.event import Event, after, mappings, moment, text
from slack_notifier.notice import Notice, Origin, Outcome


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
        facts=[("Cluster", "/".join(cluster)), ("Deployment", event.get("deploymentId"))],
        reason=reason,
        links=console.service(event.region, "/".join(cluster), service),
        origin=Origin(
            cluster="/".join(cluster), service=service, deployment=event.get("deploymentId")
        ),
    )


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


# docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html and
# docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
def scan(event: Event) -> Notice | None:
    """Read the end of an image scan, basic or enhanced."""
    # Inspector calls the repository by its ARN, Amazon ECR by its name.
    repository = after(event.get("repository-name"), ":repository/")
    status, digest = event.get("scan-status"), event.get("image-digest")
    if not (repository and status):
        return None
    counts = event.detail.get("finding-severity-counts")
    found = {
        severity: int(number)
        for severity in ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")
        if isinstance(counts, Mapping) and (number := text(counts, severity)).isdecimal()
    }
    tags = event.detail.get("image-tags")
    if "COMPLETE" not in status and status != "ACTIVE":
        outcome, title = Outcome.FAILED, "Image could not be scanned"
    elif found.get("CRITICAL", 0) or found.get("HIGH", 0):
        outcome, title = Outcome.FAILED, "Image has severe vulnerabilities"
    else:
        outcome, title = Outcome.SUCCEEDED, "Image scanned"
    return event.notice(
        outcome,
        repository,
        title,
        facts=[
            ("Findings", ", ".join(f"{n} {severity}" for severity, n in found.items() if n)),
            ("Tags", ", ".join(filter(None, map(str, tags))) if isinstance(tags, list) else ""),
            ("Image", digest),
        ],
        reason=""
        if outcome is Outcome.SUCCEEDED or "COMPLETE" in status
        else f"Scan status {status}",
        links=console.image(event.region, event.account, repository, digest),
    )


# docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
_ALARM_STATES = {
    "ALARM": (Outcome.FAILED, "Alarm"),
    "OK": (Outcome.RECOVERED, "Alarm is back to OK"),
    "INSUFFICIENT_DATA": (Outcome.STOPPED, "Alarm has insufficient data"),
}


def alarm(event: Event) -> Notice | None:
    """Read the state change of an alarm."""
    return _alarm(
        event,
        event.get("alarmName"),
        event.get("state", "value"),
        before=event.get("previousState", "value"),
        description=event.get("configuration", "description"),
        reason=event.get("state", "reason"),
    )


# docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
def alarm_by_sns(event: Event) -> Notice | None:
    """Read the message that an alarm sends to a topic."""
    # "Region" is a name such as "EU (Frankfurt)"; the ARN has the code.
    event.region = [*event.get("AlarmArn").split(":"), "", "", ""][3]
    event.account = event.get("AWSAccountId")
    event.time = moment(event.detail.get("StateChangeTime"))
    return _alarm(
        event,
        event.get("AlarmName"),
        event.get("NewStateValue"),
        before=event.get("OldStateValue"),
        description=event.get("AlarmDescription"),
        reason=event.get("NewStateReason"),
    )


def _alarm(
    event: Event, name: str, value: str, *, before: str, description: str, reason: str
) -> Notice | None:
    state = _ALARM_STATES.get(value)
    if not (state and name):
        return None
    if state[0] is Outcome.RECOVERED and before != "ALARM":
        state = (Outcome.SUCCEEDED, "Alarm is OK")  # a new alarm gets its first data
    return event.notice(
        *(state[0], name, state[1]),
        facts=[("Previous state", before), ("Description", description)],
        reason=reason,
        links=console.alarm(event.region, name),
    )
