"""The settings below ``monitoring``: alarms, events, and where notifications are sent."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stacks._model import Model, Parameter, pattern

Minutes = Annotated[int, Field(ge=1, le=1440)]
ChannelId = Annotated[str, pattern(r"^[CGD][A-Z0-9]{6,20}$", maximum=21)]
NotifyOnName = Literal["failed", "recovered", "approval", "started", "succeeded", "stopped"]
EventName = Literal[
    "releases",
    "stages",
    "actions",
    "approvals",
    "builds",
    "deployments",
    "code_deploy",
    "tasks",
    "scans",
]
ThresholdName = Literal[
    "failed-releases",
    "release-duration",
    "failed-builds",
    "build-duration",
    "unhealthy-targets",
    "server-errors",
    "missing-tasks",
]


class SlackSettings(Model):
    """The Slack channel; the secret itself is never part of the settings."""

    parameter: Parameter | None = None
    """The SecureString parameter with the webhook's URL or the bot's token."""
    secret: Annotated[str, pattern(r"^[A-Za-z0-9/_+=.@-]+$", maximum=512)] | None = None
    """The name of a secret in Secrets Manager, in the place of a parameter."""
    channel: ChannelId | None = None
    """The channel that a bot posts to; not for a webhook, which belongs to one channel."""
    docs_url: Annotated[str, pattern(r"^https?://[^\s<>|]+$", maximum=1000)] | None = None
    """A page with advice that messages link to."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.parameter is None) == (self.secret is None):
            message = (
                "parameter or secret must be given, and not both: name the place where the "
                "webhook's URL or the bot's token is stored"
            )
            raise ValueError(message)
        return self


class ChatSettings(Model):
    """A Slack channel of AWS's chat application, which needs no secret."""

    workspace_id: Annotated[str, pattern(r"^[0-9A-Z]+$", maximum=255)]
    channel_id: ChannelId


class ThresholdSettings(Model):
    """Changes to an alarm's default threshold."""

    value: Annotated[float, Field(gt=0, strict=False)] | None = None
    period_minutes: Minutes | None = None
    periods: Minutes | None = None
    datapoints: Minutes | None = None


class AlarmChanges(Model):
    """Changes to the default alarms: of all services, or of one."""

    thresholds: dict[ThresholdName, ThresholdSettings] = Field(default_factory=dict)
    """Changes to alarms, by their name."""
    alarms_left_out: list[ThresholdName] = Field(default_factory=list)
    """Alarms that are not made."""

    @model_validator(mode="after")
    def _made_or_left_out(self) -> Self:
        if both := sorted(set(self.thresholds) & set(self.alarms_left_out)):
            message = (
                f"thresholds and alarms_left_out must not name the same alarm, got "
                f"{', '.join(both)} in both: remove one"
            )
            raise ValueError(message)
        return self

    def changed_by(self, service: AlarmChanges) -> AlarmChanges:
        """Merge the changes of one service into those of all.

        Parameters
        ----------
        service
            The service's changes. Of a threshold they replace the settings that they name.

        Returns
        -------
        AlarmChanges
            Both.
        """
        own = {
            name: self.thresholds.get(name, ThresholdSettings()).model_copy(
                update=change.model_dump(exclude_unset=True)
            )
            for name, change in service.thresholds.items()
        }
        kept = {n: c for n, c in self.thresholds.items() if n not in service.alarms_left_out}
        left_out = {*self.alarms_left_out, *service.alarms_left_out} - set(service.thresholds)
        return AlarmChanges(thresholds={**kept, **own}, alarms_left_out=sorted(left_out))


class Monitoring(AlarmChanges):
    """Alarms, dashboard, and where notifications are sent."""

    enabled: bool = True
    slack: SlackSettings | None = None
    chat_application: ChatSettings | None = None
    emails: list[Annotated[str, pattern(r"^[^@\s]+@[^@\s]+\.[^@\s]+$", maximum=320)]] = Field(
        default_factory=list
    )
    """Addresses that get mail; none by default."""
    notify_on: Annotated[list[NotifyOnName], Field(min_length=1)] = [
        "failed",
        "recovered",
        "approval",
    ]
    events: list[EventName] = [
        "releases",
        "approvals",
        "deployments",
        "code_deploy",
        "tasks",
        "scans",
    ]
    anomaly_deviations: Annotated[float, Field(ge=0.1, le=10, strict=False)] | None = None
    """Adds an alarm on releases that take longer than usual: by how many deviations."""

    @model_validator(mode="after")
    def _nothing_without_monitoring(self) -> Self:
        given = sorted(self.model_fields_set - {"enabled"})
        if not self.enabled and given:
            message = (
                f"{', '.join(given)} must be left out with enabled: false, which turns all "
                "monitoring off: remove them, or enabled"
            )
            raise ValueError(message)
        return self
