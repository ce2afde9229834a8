"""What must hold when a release enters and leaves its deployment."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aws_cdk import Duration, Tokenization
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codepipeline as codepipeline

from container_pipelines._checks import check_duration, check_name, is_token
from container_pipelines._types import checked

# The fields of a cron expression as the rule's reference lists them. Its versions differ on seconds
# and on whether months start at 0: each is allowed what one of them allows.
_CRON: Final = (
    ("seconds", r"[\d,*/-]+", 59),
    ("minutes", r"[\d,*/-]+", 59),
    ("hours", r"[\d,*/-]+", 23),
    ("day of month", r"[\d,*?/LW-]+", 31),
    ("month", r"(\d|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|[,*/-])+", 12),
    ("day of week", r"(\d|SUN|MON|TUE|WED|THU|FRI|SAT|[,*?/L#-])+", 7),
    ("year", r"[\d,*/-]+", 2199),
)
_TIME_ZONE: Final = r"[A-Za-z]+/[A-Za-z]+(_[A-Za-z]+)*|UTC([+-]([01]\d|2[0-3]):[0-5]\d)?|[A-Z]{3,5}"


@checked("deployment_window")
@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentWindow:
    """Deploy only at certain times.

    AWS documents that the rule succeeds at the times that match. It does not say how long a release
    waits for them that arrives at another time; expect that it may fail, and retry it.

    Parameters
    ----------
    cron
        The times: seconds, minutes, hours, day of month, month, day of week (1 is Sunday) and, if
        you like, year. ``* * 9-16 ? * MON-THU *`` is Monday to Thursday from 9:00 to 16:59; with
        ``0`` for the minutes it would be one minute of each hour.
    time_zone
        The time zone as ``Region/City``, as ``UTC`` with an offset such as ``UTC+05:30``, or as an
        abbreviation of 3 to 5 letters, of which several mean more than one zone.

    Raises
    ------
    ValueError
        If the expression lacks fields or a field holds what it may not, or the time zone has none
        of the forms.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference-DeploymentWindow.html
    """

    cron: str
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        if not is_token(self.cron):
            _check_cron(self.cron)
        check_name(
            "deployment_window.time_zone",
            self.time_zone,
            pattern=_TIME_ZONE,
            maximum=100,
            allowed="'Region/City' such as 'Europe/Berlin', 'UTC', 'UTC+05:30' or an abbreviation "
            "such as 'EST'",
        )

    def rules(self) -> list[codepipeline.Rule]:
        """Render the window as a stage's rule."""
        return [
            codepipeline.Rule(
                name="DeploymentWindow",
                provider="DeploymentWindow",
                version="1",
                configuration={"Cron": self.cron, "TimeZone": self.time_zone},
            )
        ]


@checked("alarm_check")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCheck:
    """Do not deploy while an alarm is in ``ALARM``.

    Parameters
    ----------
    alarms
        The alarms, of the pipeline's account and region. The pipeline's role may read them; a
        imported composite alarm must be granted to it by you, since AWS only shows it to a
        role that may read all alarms (``cloudwatch:DescribeAlarms`` on ``*``).
    wait
        How long a release waits for an alarm to go back to ``OK``, in whole minutes up to 60 days.
        By default as long as AWS does, which is not documented.

    Raises
    ------
    ValueError
        If there is no alarm or one twice, or the wait is out of range.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference-CloudWatchAlarm.html
    """

    alarms: Sequence[cloudwatch.IAlarm]
    wait: Duration | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "alarms", tuple(self.alarms))
        _check_alarms("alarm_check.alarms", self.alarms)
        if self.wait is not None:
            _check_minutes("alarm_check.wait", self.wait, default="leave it to AWS's default")

    def rules(self) -> list[codepipeline.Rule]:
        """Render the alarms as a stage's rules."""
        return _alarm_rules("HealthyBefore", self.alarms, self.wait)


class AlarmResponse(StrEnum):
    """What an alarm after a deployment does."""

    ROLLBACK = "ROLLBACK"
    """Deploy again what the last successful execution deployed."""
    FAIL = "FAIL"
    """Fail the execution and leave what is deployed."""


@checked("alarm_watch")
@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmWatch:
    """Monitor alarms for a while after each deployment.

    Parameters
    ----------
    alarms
        The alarms, as for :class:`AlarmCheck`.
    duration
        For how long, in whole minutes up to 60 days. The stage, and with it the execution, takes
        that much longer.
    on_alarm
        The response to an alarm. A rollback needs a successful execution since the pipeline was
        last changed.

    Raises
    ------
    ValueError
        If there is no alarm or one twice, or the duration is out of range.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html
    """

    alarms: Sequence[cloudwatch.IAlarm]
    duration: Duration
    on_alarm: AlarmResponse = AlarmResponse.ROLLBACK

    def __post_init__(self) -> None:
        object.__setattr__(self, "alarms", tuple(self.alarms))
        _check_alarms("alarm_watch.alarms", self.alarms)
        _check_minutes("alarm_watch.duration", self.duration, default="leave the watch out")

    def rules(self) -> list[codepipeline.Rule]:
        """Render the alarms as a stage's rules."""
        return _alarm_rules("HealthyAfter", self.alarms, self.duration)


def _alarm_rules(
    name: str, alarms: Sequence[cloudwatch.IAlarm], wait: Duration | None
) -> list[codepipeline.Rule]:
    # Without AlarmStates the states are AWS's: ALARM fails and OK passes, after a deployment
    # INSUFFICIENT_DATA as well. Versions of the reference differ on whether the key is needed, and
    # it does not say whether it names the good states or the bad; none of its examples has it.
    minutes = {} if wait is None else {"WaitTime": Tokenization.stringify_number(wait.to_minutes())}
    return [
        codepipeline.Rule(
            name=f"{name}{number}",
            provider="CloudWatchAlarm",
            version="1",
            configuration={"AlarmName": alarm.alarm_name, **minutes},
        )
        for number, alarm in enumerate(alarms, start=1)
    ]


def _check_alarms(parameter: str, alarms: Sequence[cloudwatch.IAlarm]) -> None:
    names = [alarm.alarm_name for alarm in alarms]
    if not names:
        raise ValueError(
            f"'{parameter}' must name at least one alarm, got none; give one, or omit it"
        )
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"'{parameter}' must name each alarm once, got '{name}' more than once; drop the "
                f"repetition"
            )


def _check_minutes(parameter: str, duration: Duration, *, default: str) -> None:
    # AWS documents no range for the wait; a rule itself may run for 60 days.
    # https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_RuleDeclaration.html
    check_duration(
        parameter,
        duration,
        minimum=1,
        maximum=60 * 24 * 60,
        unit="minutes",
        default=default,
    )


def _check_cron(cron: str) -> None:
    values = cron.split()
    if len(values) not in (len(_CRON) - 1, len(_CRON)):
        raise ValueError(
            f"'deployment_window.cron' must have 6 or 7 fields (seconds, minutes, hours, day of "
            f"month, month, day of week, year), got '{cron}'; write it like "
            f"'* * 9-16 ? * MON-THU *'"
        )
    for (field, pattern, largest), value in zip(_CRON, values, strict=False):
        numbers = map(int, re.findall(r"\d+", value))
        if not re.fullmatch(pattern, value.upper()) or any(n > largest for n in numbers):
            raise ValueError(
                f"'deployment_window.cron' must have {field} up to {largest} in the notation of "
                f"the rule's reference, got '{value}' in '{cron}'; write it like "
                f"'* * 9-16 ? * MON-THU *'"
            )
