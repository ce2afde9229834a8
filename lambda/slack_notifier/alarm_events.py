"""Events of CloudWatch alarms, by EventBridge and by SNS."""

from slack_notifier import console
from slack_notifier.event import Event, moment
from slack_notifier.notice import Notice, Outcome

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
