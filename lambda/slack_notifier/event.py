"""An event of EventBridge, read without trust in its shape.

A field that is absent, or of another type than documented, reads as empty.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from slack_notifier.notice import Notice, Outcome


def text(mapping: Mapping[str, Any], *path: str) -> str:
    """Return the text at a path, or an empty one."""
    value: object = mapping
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def moment(value: object) -> datetime | None:
    """Parse a time as AWS writes it into events; ``None`` for anything else."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """Return the objects in a list; none if it is no list."""
    return (
        (entry for entry in value if isinstance(entry, Mapping))
        if isinstance(value, list)
        else iter(())
    )


def after(arn: str, separator: str) -> str:
    """Return what follows the last separator."""
    return arn.rpartition(separator)[2]


class Event:
    """An event's envelope, with what every notice takes from it."""

    def __init__(self, event_id: str, event: Mapping[str, Any], detail: Mapping[str, Any]) -> None:
        self.id = event_id
        self.detail = detail
        self.region = text(event, "region")
        self.account = text(event, "account").lstrip(":")
        self.time = moment(event.get("time"))
        resources = event.get("resources")
        self.resources = (
            [arn for arn in resources if isinstance(arn, str)]
            if isinstance(resources, list)
            else []
        )

    def get(self, *path: str) -> str:
        """Return the text at a path in the detail, or an empty one."""
        return text(self.detail, *path)

    def notice(self, outcome: Outcome, subject: str, title: str, **more: Any) -> Notice:
        """Make a notice of this event; facts without a value are left out."""
        if isinstance(facts := more.get("facts"), list):
            more["facts"] = tuple((name, value) for name, value in facts if value)
        return Notice(
            id=self.id,
            outcome=outcome,
            subject=subject,
            title=title,
            time=self.time,
            region=self.region,
            account=self.account,
            **more,
        )
