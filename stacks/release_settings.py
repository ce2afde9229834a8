"""The settings of releases: ``services.N.release``."""

import difflib
import zoneinfo
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from container_pipelines import DeploymentWindow, PushTrigger
from stacks._mistakes import Mistake, mistake
from stacks._model import AlarmNames, Model, refused, text

# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_Condition.html
_MOST_RULES: Final = 5

Patterns = Annotated[
    list[Annotated[str, text(r".*\S.*", "a glob on one line", maximum=255)]], Field(max_length=8)
]
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

    def mistakes(self) -> Iterator[Mistake]:
        """Find patterns that name nothing or contradict each other."""
        yield from refused(self.trigger, prefix="push_trigger")

    def trigger(self) -> PushTrigger:
        """Return what starts the pipeline."""
        return PushTrigger(**self.model_dump())


class ApprovalSettings(Model):
    """An approval between build and deployment."""

    topic_arn: (
        Annotated[
            str,
            text(
                r"arn:[a-z-]+:sns:.+",
                "the ARN of a topic, 'arn:aws:sns:<region>:<account>:<name>'",
                maximum=2048,
            ),
        ]
        | None
    ) = None
    """The SNS topic that is notified; none by default."""
    link: (
        Annotated[
            str, text(r"https?://\S+", "an address that starts with 'https://'", maximum=1000)
        ]
        | None
    ) = None
    message: Annotated[str, text(r"(?s).*\S.*", "a text", maximum=1000)] | None = None
    timeout_minutes: Annotated[int, Field(ge=5, le=86400)] | None = None
    """How long the approval may take; AWS's default, 7 days, when left out."""


class WindowSettings(Model):
    """When deployments may begin."""

    cron: Annotated[str, text(r".*\S.*", "a cron expression on one line", maximum=200)]
    """Seconds, minutes, hours, day of month, month, day of week and, if any, year."""
    time_zone: str = "UTC"

    def mistakes(self) -> Iterator[Mistake]:
        """Find an expression or a time zone that there is not."""
        found = list(refused(self.window, prefix="deployment_window"))
        yield from found
        known = zoneinfo.available_timezones()
        if not found and known and "/" in self.time_zone and self.time_zone not in known:
            close = difflib.get_close_matches(self.time_zone, sorted(known), n=1)
            hint = f"did you mean '{close[0]}'?" if close else "write it like 'Europe/Berlin'"
            yield mistake(
                "time_zone", f"must be a time zone that there is, got '{self.time_zone}': {hint}"
            )

    def window(self) -> DeploymentWindow:
        """Return when deployments may begin."""
        return DeploymentWindow(cron=self.cron, time_zone=self.time_zone)


class AlarmSettings(Model):
    """Alarms that must be off when a deployment begins and, if asked for, stay off after it."""

    names: Annotated[AlarmNames, Field(min_length=1, max_length=_MOST_RULES)]
    wait_minutes: Annotated[int, Field(ge=1, le=86400)] | None = None
    """How long a release waits for an alarm to go back to OK; AWS's default when left out."""
    watch_minutes: Annotated[int, Field(ge=1, le=86400)] | None = None
    """How long they are monitored after a deployment; not at all when left out."""
    on_alarm: Literal["ROLLBACK", "FAIL"] = "ROLLBACK"

    def mistakes(self) -> Iterator[Mistake]:
        """Find a response to alarms that nobody watches."""
        if "on_alarm" in self.model_fields_set and self.watch_minutes is None:
            yield mistake(
                "on_alarm",
                "must come with watch_minutes, the time in which an alarm after a deployment is "
                "responded to: add that, or leave it out",
            )


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
    frozen: (
        Annotated[
            str,
            text(
                r"[a-zA-Z0-9!@ ().*?-]+",
                "a reason of letters, digits, spaces and ! @ ( ) . * ? -",
                maximum=300,
            ),
        ]
        | None
    ) = None
    """Why nothing may be deployed at the moment."""

    def mistakes(self) -> Iterator[Mistake]:
        """Find more conditions than a stage may have."""
        alarms = len(self.alarms.names) if self.alarms else 0
        if self.deployment_window and alarms >= _MOST_RULES:
            yield mistake(
                "alarms.names",
                f"must be at most {_MOST_RULES - 1} with a deployment_window, which counts as "
                f"well, got {alarms}: join some in a composite alarm",
                reads=["deployment_window"],
            )
