"""When an alarm goes into the state ``ALARM``."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aws_cdk import Duration

from container_pipelines._checks import check_range, is_token
from container_pipelines._once import seconds_of
from container_pipelines._types import checked

_MINUTE: Final = Duration.minutes(1)
_FIVE_MINUTES: Final = Duration.minutes(5)
_HOUR: Final = Duration.hours(1)


class AlarmName(StrEnum):
    """The alarms of a pipeline and what it deploys; an alarm's name ends with it."""

    FAILED_RELEASES = "failed-releases"
    """Executions of the pipeline that failed, a period."""
    RELEASE_DURATION = "release-duration"
    """Seconds that the longest execution took; a wait for an approval counts."""
    UNUSUAL_DURATION = "unusual-duration"
    """The same against what is usual for this pipeline: an :class:`AnomalyBand`, on request."""
    FAILED_BUILDS = "failed-builds"
    """Builds that failed, a period."""
    BUILD_DURATION = "build-duration"
    """Seconds that the longest build took."""
    UNHEALTHY_TARGETS = "unhealthy-targets"
    """Targets that fail the health check; one alarm for each target group."""
    SERVER_ERRORS = "server-errors"
    """Per cent of the requests that the targets answered with 5xx."""
    MISSING_TASKS = "missing-tasks"
    """Desired tasks that do not run; needs Container Insights."""


def _check_evaluation(
    parameter: str, period: Duration, periods: int, datapoints: int | None
) -> None:
    check_range(f"{parameter}.periods", periods, minimum=1, maximum=1440, default="look at one")
    if datapoints is not None and not is_token(periods):
        check_range(
            f"{parameter}.datapoints", datapoints, minimum=1, maximum=periods, default="need all"
        )
    seconds = seconds_of(period)
    if seconds is None:
        return
    if seconds not in (10, 20, 30) and (seconds % 60 or not 60 <= seconds <= 86400):
        raise ValueError(
            f"'{parameter}.period' must be 10, 20 or 30 seconds, or whole minutes up to 1 day, got "
            f"{period.to_human_string()}; round it"
        )
    longest = 7 if seconds >= 3600 else 1
    if not is_token(periods) and seconds * periods > longest * 86400:
        raise ValueError(
            f"'{parameter}.periods' must together be at most {longest} days, got {periods} of "
            f"{period.to_human_string()}; take fewer"
        )


@checked("threshold")
@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The threshold of an alarm, and how many data points must reach it.

    Parameters
    ----------
    value
        The alarm goes into ``ALARM`` at this value and above; :class:`AlarmName` has the unit.
    period
        Over which time a data point is taken: 10, 20 or 30 seconds, or whole minutes up to a day.
    periods
        How many of the latest periods are looked at.
    datapoints
        How many of those must be at the value or above; all by default.

    Raises
    ------
    ValueError
        If a value is out of range, or the periods are together longer than CloudWatch looks back:
        a day, or 7 days for periods of an hour and more.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """

    value: float
    period: Duration = _FIVE_MINUTES
    periods: int = 1
    datapoints: int | None = None

    def __post_init__(self) -> None:
        if not is_token(self.value) and self.value <= 0:
            raise ValueError(
                f"'threshold.value' must be above 0, got {self.value}; leave the alarm out with "
                f"None"
            )
        _check_evaluation("threshold", self.period, self.periods, self.datapoints)


@checked("anomaly_band")
@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyBand:
    """The anomaly band of an alarm. CloudWatch learns what is usual for up to two weeks.

    Parameters
    ----------
    deviations
        The band's half width in standard deviations, above 0 up to 10.
    period
        As for :class:`Threshold`.
    periods
        As for :class:`Threshold`.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    deviations: float = 2
    period: Duration = _HOUR
    periods: int = 1

    def __post_init__(self) -> None:
        check_range(
            "anomaly_band.deviations", self.deviations, minimum=0.1, maximum=10, default="use 2"
        )
        _check_evaluation("anomaly_band", self.period, self.periods, None)


DEFAULT_THRESHOLDS: Final[Mapping[AlarmName, Threshold]] = {
    AlarmName.FAILED_RELEASES: Threshold(value=1),
    AlarmName.RELEASE_DURATION: Threshold(value=3600),
    AlarmName.FAILED_BUILDS: Threshold(value=1),
    # A build is stopped after 30 minutes by default; this leaves time to look.
    AlarmName.BUILD_DURATION: Threshold(value=1500),
    AlarmName.UNHEALTHY_TARGETS: Threshold(value=1, period=_MINUTE, periods=3, datapoints=2),
    AlarmName.SERVER_ERRORS: Threshold(value=5, period=_MINUTE, periods=5, datapoints=3),
    AlarmName.MISSING_TASKS: Threshold(value=1, period=_MINUTE, periods=10),
}

Thresholds = Mapping[AlarmName, Threshold | AnomalyBand | None]


def merged_thresholds(changes: Thresholds) -> dict[AlarmName, Threshold | AnomalyBand]:
    """Merge changes into the defaults.

    Parameters
    ----------
    changes
        Alarms that are to be otherwise; None leaves an alarm out.

    Returns
    -------
    dict
        The alarms to be made.

    Raises
    ------
    ValueError
        If an alarm gets a threshold of the other kind.
    """
    for name, change in changes.items():
        wanted = AnomalyBand if name == AlarmName.UNUSUAL_DURATION else Threshold
        if change is not None and not isinstance(change, wanted):
            raise ValueError(
                f"'alarms' must have a {wanted.__name__} or None for '{name}', got "
                f"{type(change).__name__}; give one"
            )
    every = {**DEFAULT_THRESHOLDS, **changes}
    return {name: threshold for name, threshold in every.items() if threshold is not None}
