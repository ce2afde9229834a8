"""How production traffic moves from the old tasks to the new ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from container_pipelines._checks import check_duration, check_range, is_token
from container_pipelines._types import checked

# https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
_LONGEST_CODE_DEPLOY_MINUTES: Final = 2880
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CanaryConfiguration.html
_LONGEST_ECS_STEP_MINUTES: Final = 1440
_SMALLEST_ECS_STEP: Final = {"linear": 3.0, "canary": 0.1}

# https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
_PREDEFINED: Final[dict[tuple[str, float, float | None], str]] = {
    ("all_at_once", 100, 0): "ALL_AT_ONCE",
    ("linear", 10, 1): "LINEAR_10_PERCENT_EVERY_1_MINUTES",
    ("linear", 10, 3): "LINEAR_10_PERCENT_EVERY_3_MINUTES",
    ("canary", 10, 5): "CANARY_10_PERCENT_5_MINUTES",
    ("canary", 10, 15): "CANARY_10_PERCENT_15_MINUTES",
}


class _Kind(StrEnum):
    ALL_AT_ONCE = "all_at_once"
    LINEAR = "linear"
    CANARY = "canary"


@checked("traffic_shift")
@dataclass(frozen=True, slots=True)
class TrafficShift:
    """The steps in which production traffic is shifted to a new version.

    Made by :meth:`all_at_once`, :meth:`linear` or :meth:`canary`. Both engines take it; each has
    its own ranges, which are checked where the shift is used with it:

    ==========  =========================================  =====================================
    ..          CodeDeploy                                 ECS
    ==========  =========================================  =====================================
    linear      whole percent, 1 to 99; whole minutes      3 to 100 percent in steps of 0.1;
                from 1 on                                  0 to 1440 whole minutes a step
    canary      whole percent, 1 to 99; whole minutes      0.1 to 100 percent in steps of 0.1;
                from 1 on                                  0 to 1440 whole minutes
    in total    at most 2880 minutes from the first shift  at most 33 hours with the bake time
                to the last
    ==========  =========================================  =====================================

    AWS documents the 2880 minutes for Lambda functions; this library applies them to services too.

    Parameters
    ----------
    kind
        ``all_at_once``, ``linear`` or ``canary``.
    percent
        The percentage of a step, or of the canary.
    interval
        The time between two steps, or of the canary.

    Notes
    -----
    https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-linear.html
    """

    kind: str
    percent: float
    interval: Duration

    @staticmethod
    def all_at_once() -> TrafficShift:
        """Move all traffic in one step.

        Returns
        -------
        TrafficShift
            The shift.
        """
        return TrafficShift(_Kind.ALL_AT_ONCE, 100, Duration.minutes(0))

    @staticmethod
    def linear(percent: float = 10, every: Duration | None = None) -> TrafficShift:
        """Move traffic in equal steps.

        Parameters
        ----------
        percent
            The percentage of each step; the last may be smaller.
        every
            The time between two steps, in whole minutes; 1 minute by default.

        Returns
        -------
        TrafficShift
            The shift.

        Raises
        ------
        ValueError
            If the percentage is not one, or no engine takes the time.
        """
        every = every if every is not None else Duration.minutes(1)
        _check("linear", "every", percent, every, "move 10 percent every minute")
        return TrafficShift(_Kind.LINEAR, percent, every)

    @staticmethod
    def canary(percent: float = 10, bake: Duration | None = None) -> TrafficShift:
        """Move a part of the traffic first, and the rest after a while.

        Parameters
        ----------
        percent
            The percentage of the first step.
        bake
            The time until the second, in whole minutes; 5 minutes by default.

        Returns
        -------
        TrafficShift
            The shift.

        Raises
        ------
        ValueError
            If the percentage is not one, or no engine takes the time.
        """
        bake = bake if bake is not None else Duration.minutes(5)
        _check("canary", "bake", percent, bake, "move 10 percent and the rest after 5 minutes")
        return TrafficShift(_Kind.CANARY, percent, bake)

    @property
    def duration(self) -> Duration:
        """The time from the first step to the last; none for what only the deployment knows."""
        if self.interval.is_unresolved() or is_token(self.percent):
            return Duration.minutes(0)
        match self.kind:
            case _Kind.LINEAR:
                # Rounded, or the steps of 0.1 percent would count one too many.
                steps = math.ceil(round(100 / self.percent, 9)) - 1
            case _Kind.CANARY:
                steps = 1
            case _:
                steps = 0
        return Duration.minutes(steps * self.interval.to_minutes())

    def strategy(self) -> ecs.DeploymentStrategy:
        """Return ECS's name of the strategy, after checking its ranges.

        Returns
        -------
        ecs.DeploymentStrategy
            The strategy.

        Raises
        ------
        ValueError
            If ECS does not take the percentage or the time.
        """
        if self.kind == _Kind.ALL_AT_ONCE:
            return ecs.DeploymentStrategy.BLUE_GREEN
        self._check_ecs()
        if self.kind == _Kind.LINEAR:
            return ecs.DeploymentStrategy.LINEAR
        return ecs.DeploymentStrategy.CANARY

    def step(self) -> ecs.TrafficShiftConfig:
        """Return one step in ECS's form."""
        return ecs.TrafficShiftConfig(step_percent=self.percent, step_bake_time=self.interval)

    def code_deploy_config(self, scope: Construct) -> codedeploy.IEcsDeploymentConfig:
        """Return CodeDeploy's configuration: AWS's own where one matches, or a new one.

        Parameters
        ----------
        scope
            Where a new one is made.

        Returns
        -------
        codedeploy.IEcsDeploymentConfig
            The configuration.

        Raises
        ------
        ValueError
            If CodeDeploy does not take the percentage or the time.
        """
        self.check_code_deploy()
        config = codedeploy.EcsDeploymentConfig
        match _PREDEFINED.get((self.kind, self.percent, self._known_minutes())):
            case "ALL_AT_ONCE":
                return config.ALL_AT_ONCE
            case "LINEAR_10_PERCENT_EVERY_1_MINUTES":
                return config.LINEAR_10_PERCENT_EVERY_1_MINUTES
            case "LINEAR_10_PERCENT_EVERY_3_MINUTES":
                return config.LINEAR_10_PERCENT_EVERY_3_MINUTES
            case "CANARY_10_PERCENT_5_MINUTES":
                return config.CANARY_10_PERCENT_5_MINUTES
            case "CANARY_10_PERCENT_15_MINUTES":
                return config.CANARY_10_PERCENT_15_MINUTES
        make = (
            codedeploy.TrafficRouting.time_based_linear
            if self.kind == _Kind.LINEAR
            else codedeploy.TrafficRouting.time_based_canary
        )
        return codedeploy.EcsDeploymentConfig(
            scope,
            "TrafficShift",
            traffic_routing=make(interval=self.interval, percentage=self.percent),
        )

    def _known_minutes(self) -> float | None:
        return None if self.interval.is_unresolved() else self.interval.to_minutes()

    def _check_ecs(self) -> None:
        check_range(
            f"traffic_shift.{self.kind}.percent",
            self.percent,
            minimum=_SMALLEST_ECS_STEP[self.kind],
            maximum=100,
            default="move 10 percent",
        )
        if not is_token(self.percent) and round(self.percent * 10, 6) % 1:
            raise ValueError(
                f"'traffic_shift.{self.kind}.percent' must be a multiple of 0.1 for ECS, got "
                f"{self.percent}; round it"
            )
        check_duration(
            f"traffic_shift.{self.kind}.interval",
            self.interval,
            minimum=0,
            maximum=_LONGEST_ECS_STEP_MINUTES,
            unit="minutes",
            default="take this library's",
        )

    def check_code_deploy(self) -> None:
        """Reject what CodeDeploy does not take.

        Raises
        ------
        ValueError
            If the percentage or the time is out of its range.
        """
        if self.kind == _Kind.ALL_AT_ONCE:
            return
        if not is_token(self.percent) and (self.percent % 1 or not 1 <= self.percent <= 99):
            raise ValueError(
                f"'traffic_shift.{self.kind}.percent' must be whole and from 1 to 99 for "
                f"CodeDeploy, got {self.percent}; round it, or take TrafficShift.all_at_once()"
            )
        check_duration(
            f"traffic_shift.{self.kind}.interval",
            self.interval,
            minimum=1,
            maximum=_LONGEST_CODE_DEPLOY_MINUTES,
            unit="minutes",
            default="take this library's",
        )
        if self.duration.to_minutes() > _LONGEST_CODE_DEPLOY_MINUTES:
            longest = Duration.minutes(_LONGEST_CODE_DEPLOY_MINUTES)
            raise ValueError(
                f"'traffic_shift.{self.kind}' must take at most "
                f"{longest.to_human_string()} from the first step to the last, got "
                f"{self.duration.to_human_string()}; take larger steps or a shorter interval"
            )


def _check(kind: str, name: str, percent: float, interval: Duration, default: str) -> None:
    if not is_token(percent) and not 0 < percent <= 100:
        raise ValueError(
            f"'traffic_shift.{kind}.percent' must be above 0 and at most 100, got {percent}; omit "
            f"it to {default}"
        )
    check_duration(
        f"traffic_shift.{kind}.{name}",
        interval,
        minimum=0,
        maximum=_LONGEST_CODE_DEPLOY_MINUTES,
        unit="minutes",
        default=default,
    )
