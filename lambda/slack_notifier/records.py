"""What invoked the function, opened up to the event inside.

EventBridge hands over the event itself; it is the one source that the function needs, alarms
included. SNS, for topics that exist already, wraps a text into ``Records``. The dead-letter queue
comes back through an event source mapping, with the event in an SQS record: bare where EventBridge
or the function's dead-letter queue wrote it, below ``requestPayload`` where an on-failure
destination did.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

# An SNS record in an invocation record in an SQS record, and one to spare.
_MOST_WRAPPINGS = 4


@dataclass(frozen=True, slots=True)
class Record:
    """One event to send.

    Attributes
    ----------
    event
        The event, parsed where it is JSON.
    id
        The event's own id; of an event without one, the digest of its content.
    message_id
        The SQS message that it came in, or ``None``.
    """

    event: object
    id: str
    message_id: str | None = None


def unwrap(invocation: object) -> list[Record]:
    """Open what the function was invoked with.

    Parameters
    ----------
    invocation
        The payload: anything.

    Returns
    -------
    list[Record]
        Its events; never empty but for an empty batch.
    """
    return _unwrap(invocation, None, _MOST_WRAPPINGS)


def _unwrap(payload: object, message_id: str | None, wrappings: int) -> list[Record]:
    if wrappings and isinstance(payload, Mapping):
        records = payload.get("Records")
        if isinstance(records, list) and all(map(_is_record, records)):
            return [
                found for record in records for found in _open(record, message_id, wrappings - 1)
            ]
        if "requestPayload" in payload and "requestContext" in payload:
            return _unwrap(payload["requestPayload"], message_id, wrappings - 1)
    return [Record(payload, _identity(payload), message_id)]


def _is_record(record: object) -> bool:
    return isinstance(record, Mapping) and (
        isinstance(record.get("Sns"), Mapping) or record.get("eventSource") == "aws:sqs"
    )


def _open(record: Mapping[str, object], message_id: str | None, wrappings: int) -> list[Record]:
    sns = record.get("Sns")
    if not isinstance(sns, Mapping):
        own = record.get("messageId")
        return _unwrap(
            _parsed(record.get("body")), own if isinstance(own, str) else message_id, wrappings
        )
    event, own = _parsed(sns.get("Message")), sns.get("MessageId")
    if isinstance(event, Mapping) and ("detail-type" in event or "Records" in event):
        return _unwrap(event, message_id, wrappings)  # an event of EventBridge through a topic
    identity = own if isinstance(own, str) and own else _identity(event)
    if isinstance(event, Mapping) and "AlarmName" in event:
        event = {"source": "sns.alarm", "id": own, "detail": event}
    return [Record(event, identity, message_id)]


def _parsed(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text


def _identity(event: object) -> str:
    own = event.get("id") if isinstance(event, Mapping) else None
    if isinstance(own, str) and 0 < len(own) <= 256:
        return own
    try:
        content = json.dumps(event, sort_keys=True, default=str)
    except (ValueError, TypeError, RecursionError):
        content = f"{type(event).__name__}"
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
