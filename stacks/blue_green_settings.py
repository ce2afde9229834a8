"""The settings below ``blue_green``: who shifts a service's traffic, in which steps, and when."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stacks._model import Model, UrlPath, pattern


class TrafficShiftSettings(Model):
    """The steps in which production traffic moves."""

    type: Literal["all-at-once", "linear", "canary"] = "linear"
    percent: Annotated[float, Field(gt=0, le=100, strict=False)] = 10
    """The percentage of a step, or of the canary."""
    minutes: Annotated[int, Field(ge=0, le=2880)] | None = None
    """The time between two steps (1), or of the canary (5)."""


class ProbeSettings(Model):
    """What a new version must answer on the test listener before production traffic moves."""

    path: Annotated[UrlPath, pattern(r"^\S+$", maximum=2048)] = "/health"
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
    alarm_names: Annotated[
        list[Annotated[str, pattern(r"\S", maximum=255)]], Field(max_length=10)
    ] = Field(default_factory=list)
    """Alarms that are there already and send traffic back."""

    @model_validator(mode="after")
    def _wait_of_the_engine(self) -> Self:
        if self.engine == "ecs":
            wrong, given, right = "approval_minutes", self.approval_minutes, "pause_minutes"
        else:
            wrong, given, right = "pause_minutes", self.pause_minutes, "approval_minutes"
        if given is not None:
            message = (
                f"{wrong} must be left out with the engine '{self.engine}', got {given}: set "
                f"{right}, by which that engine waits for somebody"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _alarms_once(self) -> Self:
        names = self.alarm_names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            message = (
                f"alarm_names must name each alarm once, got {', '.join(twice)} more than once: "
                f"drop the repetition"
            )
            raise ValueError(message)
        return self
