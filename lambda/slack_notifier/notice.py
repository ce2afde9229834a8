"""A notification, before it is a Slack message."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome that a notification reports; ``NOTIFY_ON`` selects among these."""

    FAILED = "failed"
    RECOVERED = "recovered"
    APPROVAL = "approval"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    UNKNOWN = "unknown"
    """An event of an unknown kind. Always sent, since somebody routed it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The commit that a pipeline's execution releases; what is not known is empty."""

    id: str = ""
    message: str = ""
    author: str = ""
    branch: str = ""
    url: str = ""
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A page of the AWS console."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The resources that an event is about; what it does not name is empty."""

    pipeline: str = ""
    execution: str = ""
    attempt: int = 1
    level: str = ""
    """``pipeline``, ``stage`` or ``action`` for an event of CodePipeline."""
    started: datetime | None = None
    build: str = ""
    cluster: str = ""
    service: str = ""
    deployment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notification.

    Attributes
    ----------
    id
        The event's id: one id is sent once.
    subject
        The service, pipeline, project or alarm.
    title
        What happened, in a few words.
    facts
        Names and values, such as stage and action.
    reason
        The reason, in the words of the AWS service.
    log
        The last lines of the log with the cause.
    broken_since
        When the failure began that this release has ended.
    raw
        The event itself, where nothing here can read it.
    """

    id: str
    outcome: Outcome
    subject: str
    title: str
    time: datetime | None = None
    region: str = ""
    account: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    log: str = ""
    commit: Commit | None = None
    links: tuple[Link, ...] = ()
    origin: Origin = Origin()
    broken_since: datetime | None = None
    raw: str = ""
