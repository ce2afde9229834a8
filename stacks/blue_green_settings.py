"""The settings below ``blue_green``: who shifts a service's traffic, in which steps, and when."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from stacks._mistakes import Mistake, mistake
from stacks._model import AlarmNames, Model, UrlPath, longest

START_MINUTES: Final = 5
"""What starting tasks takes at the very least, beside the times that are known."""
# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECS.html
LONGEST_ECS_ACTION_MINUTES: Final = 60
"""For how long CodePipeline waits for a deployment of ECS."""
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html
_LONGEST_ECS_MINUTES: Final = 1440
# https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
_LONGEST_CODE_DEPLOY_MINUTES: Final = 2880
# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
_LONGEST_CODE_DEPLOY_ACTION_MINUTES: Final = 5 * 24 * 60


class TrafficShiftSettings(Model):
    """The steps in which production traffic moves."""

    type: Literal["all-at-once", "linear", "canary"] = "linear"
    percent: Annotated[float, Field(gt=0, le=100, strict=False)] = 10
    """The percentage of a step, or of the canary."""
    minutes: Annotated[int, Field(ge=0, le=2880)] | None = None
    """The time between two steps (1), or of the canary (5)."""

    def mistakes(self) -> Iterator[Mistake]:
        """Find what a shift in one step has no use for."""
        given = self.model_fields_set & {"percent", "minutes"}
        for name in sorted(given) if self.type == "all-at-once" else ():
            yield mistake(
                name,
                "must be left out with the type 'all-at-once', which has one step alone: remove "
                "it, or set the type 'linear' or 'canary'",
                reads=["type"],
            )

    def steps(self) -> int:
        """Return how often there is a wait for the next step."""
        if self.type == "linear":
            # Rounded, or steps of 0.1 percent would count one too many.
            return math.ceil(round(100 / self.percent, 9)) - 1
        return 1 if self.type == "canary" else 0

    def step_minutes(self) -> int:
        """Return the minutes between two steps."""
        if self.minutes is not None:
            return self.minutes
        return 5 if self.type == "canary" else 1


class ProbeSettings(Model):
    """What a new version must answer on the test listener before production traffic moves."""

    path: Annotated[UrlPath, longest(2048)] = "/health"
    """The path, with its query if it has one."""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    timeout_seconds: Annotated[int, Field(ge=1, le=600)] = 60
    """For how long it is asked."""


class BlueGreenSettings(Model):
    """How a service's traffic is shifted."""

    engine: Literal["ecs", "code-deploy"] = "ecs"
    traffic_shift: TrafficShiftSettings = TrafficShiftSettings()
    keep_minutes: Annotated[int, Field(ge=0, le=2880)] = 5
    """For how long the old tasks stay after the shift."""
    live_group: Literal["blue", "green"] = "blue"
    """Where the listener's rule sends traffic when CloudFormation writes it."""
    probe: ProbeSettings | None = None
    """What a new version must answer first; nothing when left out."""
    pause_minutes: Annotated[int, Field(ge=1, le=20160)] | None = None
    """For how long ECS's engine waits for somebody; for nobody when left out."""
    approval_minutes: Annotated[int, Field(ge=1, le=2880)] | None = None
    """The same for CodeDeploy's."""
    # CodeDeploy takes ten; ECS's documentation names no number.
    alarm_names: Annotated[AlarmNames, Field(max_length=10)] = Field(default_factory=list)
    """Alarms that are there already and send traffic back."""

    def mistakes(self) -> Iterator[Mistake]:
        """Find what the engine does not take."""
        yield from self._of_the_other_engine()
        by_ecs = self.engine == "ecs"
        wrong = list(self._not_by_ecs() if by_ecs else self._not_by_code_deploy())
        yield from wrong
        minutes, longest = self.deployment_minutes(), LONGEST_ECS_ACTION_MINUTES - START_MINUTES
        if not wrong and by_ecs and minutes > longest:
            yield mistake(
                "",
                f"traffic_shift, keep_minutes, probe and pause_minutes must together take at most "
                f"{longest} minutes, after which CodePipeline no longer waits for ECS, got "
                f"{minutes:.0f}: shorten them, or set the engine 'code-deploy'",
            )
        elif not wrong and minutes > _LONGEST_CODE_DEPLOY_ACTION_MINUTES:
            yield mistake(
                "",
                f"traffic_shift, keep_minutes and approval_minutes must together take at most "
                f"{_LONGEST_CODE_DEPLOY_ACTION_MINUTES} minutes, after which CodePipeline ends the "
                f"action, got {minutes:.0f}: shorten them",
            )

    def deployment_minutes(self) -> float:
        """Return for how long a deployment lasts at least, by the times that are known.

        Returns
        -------
        float
            The minutes of shift, old tasks, probe, and wait for somebody.
        """
        shift = self.traffic_shift
        probe = self.probe.timeout_seconds / 60 if self.probe else 0
        wait = self.pause_minutes or self.approval_minutes or 0
        return shift.steps() * shift.step_minutes() + self.keep_minutes + probe + wait

    def _of_the_other_engine(self) -> Iterator[Mistake]:
        if self.engine == "ecs":
            wrong, given, right = "approval_minutes", self.approval_minutes, "pause_minutes"
        else:
            wrong, given, right = "pause_minutes", self.pause_minutes, "approval_minutes"
        if given is not None:
            yield mistake(
                wrong,
                f"must be left out with the engine '{self.engine}', got {given}: set {right}, by "
                f"which that engine waits for somebody",
                reads=["engine"],
            )

    def _not_by_ecs(self) -> Iterator[Mistake]:
        shift = self.traffic_shift
        smallest = 3 if shift.type == "linear" else 0.1
        if shift.type != "all-at-once":
            if shift.percent < smallest or round(shift.percent * 10, 6) % 1:
                yield mistake(
                    "traffic_shift.percent",
                    f"must be from {smallest} to 100 in steps of 0.1 for ECS's {shift.type} "
                    f"shifts, got {shift.percent:g}",
                    reads=["engine", "traffic_shift.type"],
                )
            if shift.step_minutes() > _LONGEST_ECS_MINUTES:
                yield mistake(
                    "traffic_shift.minutes",
                    f"must be at most {_LONGEST_ECS_MINUTES} for ECS, got {shift.minutes}",
                    reads=["engine", "traffic_shift.type"],
                )
        if self.keep_minutes > _LONGEST_ECS_MINUTES:
            yield mistake(
                "keep_minutes",
                f"must be at most {_LONGEST_ECS_MINUTES} for ECS, got {self.keep_minutes}",
                reads=["engine"],
            )

    def _not_by_code_deploy(self) -> Iterator[Mistake]:
        shift = self.traffic_shift
        if shift.type == "all-at-once":
            return
        if shift.percent % 1 or not 1 <= shift.percent <= 99:
            yield mistake(
                "traffic_shift.percent",
                f"must be a whole number from 1 to 99 for CodeDeploy, got {shift.percent:g}",
                reads=["engine", "traffic_shift.type"],
            )
        elif shift.step_minutes() < 1:
            yield mistake(
                "traffic_shift.minutes",
                f"must be at least 1 for CodeDeploy, got {shift.minutes}",
                reads=["engine", "traffic_shift.type"],
            )
        elif (minutes := shift.steps() * shift.step_minutes()) > _LONGEST_CODE_DEPLOY_MINUTES:
            yield mistake(
                "traffic_shift",
                f"must take at most {_LONGEST_CODE_DEPLOY_MINUTES} minutes from the first step to "
                f"the last for CodeDeploy, got {minutes}: take larger steps, or fewer minutes",
                reads=["engine"],
            )
