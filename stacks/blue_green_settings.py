"""The settings below ``blue_green``: who shifts a service's traffic, and in which steps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stacks._model import Model


class TrafficShiftSettings(Model):
    """The steps in which production traffic moves."""

    type: Literal["all-at-once", "linear", "canary"] = "linear"
    percent: Annotated[float, Field(gt=0, le=100, strict=False)] = 10
    """The percentage of a step, or of the canary."""
    minutes: Annotated[int, Field(ge=0, le=2880)] | None = None
    """The time between two steps (1), or of the canary (5)."""


class BlueGreenSettings(Model):
    """How a service's traffic is shifted."""

    engine: Literal["ecs", "code-deploy"] = "ecs"
    traffic_shift: TrafficShiftSettings = TrafficShiftSettings()
    keep_minutes: Annotated[int, Field(ge=0, le=2880)] = 5
    """For how long the old tasks stay after the shift."""
    live_group: Literal["blue", "green"] = "blue"
    """Where the listener's rule sends traffic when CloudFormation writes it."""
