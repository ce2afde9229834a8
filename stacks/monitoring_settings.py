"""The settings below ``monitoring``: alarms, events, and where notifications are sent."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from container_pipelines import DEFAULT_THRESHOLDS, AlarmName
from stacks._mistakes import Mistake, mistake
from stacks._model import Model, Parameter, SecretName, once, text

_HOUR: Final = 60
_DAY: Final = 24 * _HOUR

Minutes = Annotated[int, Field(ge=1, le=1440)]
ChannelId = Annotated[
    str,
    text(r"[CGD][A-Z0-9]{6,20}", "a channel's id such as 'C0123456789', not its name", maximum=21),
]
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
    secret: SecretName | None = None
    """The name of a secret in Secrets Manager, in the place of a parameter."""
    channel: ChannelId | None = None
    """The channel that a bot posts to; not for a webhook, which belongs to one channel."""
    docs_url: (
        Annotated[
            str,
            text(r"https?://[^\s<>|]+", "an address that starts with 'https://'", maximum=1000),
        ]
        | None
    ) = None
    """A page with advice that messages link to."""

    def mistakes(self) -> Iterator[Mistake]:
        """Find no place of the secret, or two."""
        if (self.parameter is None) == (self.secret is None):
            yield mistake(
                "",
                "parameter or secret must be given, and not both: name the place where the "
                "webhook's URL or the bot's token is stored",
            )


class ChatSettings(Model):
    """A Slack channel of AWS's chat application, which needs no secret."""

    workspace_id: Annotated[
        str,
        text(r"[0-9A-Z]+", "a workspace's id such as 'T0123456789', not its name", maximum=255),
    ]
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

    def mistakes(self) -> Iterator[Mistake]:
        """Find alarms that are changed and left out."""
        if both := sorted(set(self.thresholds) & set(self.alarms_left_out)):
            yield mistake(
                "alarms_left_out",
                f"must not name an alarm that thresholds changes, got {', '.join(both)} in both: "
                f"remove one",
                reads=["thresholds"],
            )

    def wrong_periods(self, names: Iterable[ThresholdName]) -> Iterator[Mistake]:
        """Find thresholds that CloudWatch does not take, with what the defaults add to them.

        Parameters
        ----------
        names
            The alarms to look at, of those whose thresholds are changed.

        Returns
        -------
        Iterator[Mistake]
            The mistakes.

        Notes
        -----
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        """
        for name in names:
            change, path = self.thresholds[name], f"thresholds.{name}"
            default = DEFAULT_THRESHOLDS[AlarmName(name)]
            periods = change.periods or default.periods
            minutes = change.period_minutes or _minutes(AlarmName(name))
            if change.datapoints and change.datapoints > periods:
                yield mistake(
                    f"{path}.datapoints",
                    f"must be at most periods ({periods}), got {change.datapoints}",
                    reads=[f"{path}.periods"],
                )
            longest = _DAY * (7 if minutes >= _HOUR else 1)
            if minutes * periods > longest:
                yield mistake(
                    f"{path}.periods",
                    f"must be at most {longest // minutes} of {minutes} minutes each, which is how "
                    f"far CloudWatch looks back, got {periods}",
                    reads=[f"{path}.period_minutes"],
                )

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
    emails: Annotated[
        list[
            Annotated[
                str,
                text(
                    r"[^@\s]+@[^@\s]+\.[^@\s]+",
                    "an address such as 'team@example.com'",
                    maximum=320,
                ),
            ]
        ],
        AfterValidator(once),
    ] = Field(default_factory=list)
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

    def mistakes(self) -> Iterator[Mistake]:
        """Find, beside what is wrong with alarms, what is given although nothing is monitored."""
        yield from super().mistakes()
        yield from self.wrong_periods(self.thresholds)
        for given in sorted(self.model_fields_set - {"enabled"}) if not self.enabled else ():
            yield mistake(
                given,
                "must be left out with enabled: false, which turns all monitoring off: remove it, "
                "or enabled",
                reads=["enabled"],
            )


@functools.cache
def _minutes(alarm: AlarmName) -> int:
    return int(DEFAULT_THRESHOLDS[alarm].period.to_minutes())
