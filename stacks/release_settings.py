"""The settings of releases: ``services.N.release``."""

from typing import Annotated, Literal

from pydantic import Field

from stacks._model import Model, pattern

Patterns = Annotated[list[Annotated[str, pattern(r"\S", maximum=255)]], Field(max_length=8)]
"""Globs of branches, tags or files."""


class PushSettings(Model):
    """Pushes that start a release."""

    branches: Patterns = Field(default_factory=list)
    """The branches; the source's own when neither branches nor tags are named."""
    branches_excluded: Patterns = Field(default_factory=list)
    tags: Patterns = Field(default_factory=list)
    tags_excluded: Patterns = Field(default_factory=list)
    file_paths: Patterns = Field(default_factory=list)
    """Files of which one must have changed; for a repository with several services."""
    file_paths_excluded: Patterns = Field(default_factory=list)


class ApprovalSettings(Model):
    """An approval between build and deployment."""

    topic_arn: Annotated[str, pattern(r"^arn:[a-z-]+:sns:.+$", maximum=2048)] | None = None
    """The SNS topic that is notified; none by default."""
    link: Annotated[str, pattern(r"^https?://\S+$", maximum=1000)] | None = None
    message: Annotated[str, pattern(r"\S", maximum=1000)] | None = None
    timeout_minutes: Annotated[int, Field(ge=5, le=86400)] | None = None
    """How long the approval may take; AWS's default, 7 days, when left out."""


class WindowSettings(Model):
    """When deployments may begin."""

    cron: Annotated[str, pattern(r"\S", maximum=200)]
    """Seconds, minutes, hours, day of month, month, day of week and, if any, year."""
    time_zone: Annotated[str, pattern(r"\S", maximum=100)] = "UTC"


class AlarmSettings(Model):
    """Alarms that must be off when a deployment begins and, if asked for, stay off after it."""

    names: Annotated[
        list[Annotated[str, pattern(r"\S", maximum=255)]], Field(min_length=1, max_length=5)
    ]
    wait_minutes: Annotated[int, Field(ge=1, le=86400)] | None = None
    """How long a release waits for an alarm to go back to OK; AWS's default when left out."""
    watch_minutes: Annotated[int, Field(ge=1, le=86400)] | None = None
    """How long they are monitored after a deployment; not at all when left out."""
    on_alarm: Literal["ROLLBACK", "FAIL"] = "ROLLBACK"


class Release(Model):
    """What starts a release and what it must pass; nothing but a push when left out."""

    triggers: list[PushSettings] = Field(default_factory=list, max_length=3)
    """Pushes of which one is enough; each push to the source's branch when left out."""
    execution_mode: Literal["SUPERSEDED", "QUEUED"] = "SUPERSEDED"
    approval: ApprovalSettings | None = None
    deployment_window: WindowSettings | None = None
    alarms: AlarmSettings | None = None
    retry_build: bool = False
    """Whether a failed build is retried once automatically."""
    on_failure: Literal["RETRY_FAILED_ACTIONS", "RETRY_ALL_ACTIONS", "ROLLBACK"] | None = None
    on_drift: Literal["RESTORE", "NOTIFY", "IGNORE"] = "RESTORE"
    """What happens when the service runs another image than the recorded one."""
    frozen: Annotated[str, pattern(r"^[a-zA-Z0-9!@ ().*?-]+$", maximum=300)] | None = None
    """Why nothing may be deployed at the moment."""
