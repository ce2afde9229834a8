"""Which reader turns which event into a notice, without a look-up and without an exception."""

import json
from collections.abc import Callable, Mapping

from slack_notifier import alarm_events, deployment_events, pipeline_events, scan_events
from slack_notifier.event import Event, moment, text
from slack_notifier.notice import Notice, Outcome
from slack_notifier.records import Record
from slack_notifier.redact import redact_structure


def notice_of(record: Record) -> Notice:
    """Say what an event means.

    Parameters
    ----------
    record
        The event and its id.

    Returns
    -------
    Notice
        What happened; for an event that nothing here understands, the event itself.
    """
    event = record.event
    if isinstance(event, Mapping):
        detail = event.get("detail")
        reader = _READERS.get((text(event, "source"), text(event, "detail-type")))
        if reader and isinstance(detail, Mapping):
            known = reader(Event(record.id, event, detail))
            if known:
                return known
    return _unknown(record)


def _unknown(record: Record) -> Notice:
    event = record.event
    envelope = event if isinstance(event, Mapping) else {}
    shown = redact_structure(event)
    if not isinstance(shown, str):
        shown = json.dumps(shown, indent=1, ensure_ascii=False, default=str)
    return Notice(
        id=record.id,
        outcome=Outcome.UNKNOWN,
        subject=text(envelope, "source") or "Unknown source",
        title=text(envelope, "detail-type") or "Unknown event",
        time=moment(envelope.get("time")),
        region=text(envelope, "region"),
        account=text(envelope, "account"),
        raw=shown,
    )


_READERS: dict[tuple[str, str], Callable[[Event], Notice | None]] = {
    **{
        ("aws.codepipeline", f"CodePipeline {level} Execution State Change"): (
            pipeline_events.pipeline(level.lower())
        )
        for level in ("Pipeline", "Stage", "Action")
    },
    ("aws.ecs", "ECS Deployment State Change"): deployment_events.ecs_deployment,
    ("aws.ecs", "ECS Task State Change"): deployment_events.ecs_task,
    ("container-pipelines", "Image Drift"): deployment_events.image_drift,
    ("aws.codedeploy", "CodeDeploy Deployment State-change Notification"): (
        deployment_events.codedeploy
    ),
    ("aws.codebuild", "CodeBuild Build State Change"): pipeline_events.codebuild,
    ("aws.ecr", "ECR Image Scan"): scan_events.scan,
    ("aws.inspector2", "Inspector2 Scan"): scan_events.scan,
    ("aws.cloudwatch", "CloudWatch Alarm State Change"): alarm_events.alarm,
    ("sns.alarm", ""): alarm_events.alarm_by_sns,
}
