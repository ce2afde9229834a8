"""Deployment configurations: in which steps production traffic moves.

The predefined ones are those of
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

DEFAULT: Final = "CodeDeployDefault.ECSAllAtOnce"


class Step(NamedTuple):
    """One step of a shift.

    Attributes
    ----------
    percent
        How much of the traffic goes to the new tasks from now on.
    minutes
        How long until the next step; 0 for the last.
    """

    percent: int
    minutes: float


def predefined() -> dict[str, dict[str, Any]]:
    """Return AWS's configurations for ECS by name."""
    found = {DEFAULT: {"type": "AllAtOnce"}}
    for minutes in (1, 3):
        found[f"CodeDeployDefault.ECSLinear10PercentEvery{minutes}Minutes"] = linear(10, minutes)
    for minutes in (5, 15):
        found[f"CodeDeployDefault.ECSCanary10Percent{minutes}Minutes"] = canary(10, minutes)
    return found


def linear(percent: int, minutes: int) -> dict[str, Any]:
    """Return the routing that moves equal parts."""
    return {
        "type": "TimeBasedLinear",
        "timeBasedLinear": {"linearPercentage": percent, "linearInterval": minutes},
    }


def canary(percent: int, minutes: int) -> dict[str, Any]:
    """Return the routing that moves a part first, and the rest later."""
    return {
        "type": "TimeBasedCanary",
        "timeBasedCanary": {"canaryPercentage": percent, "canaryInterval": minutes},
    }


def steps(routing: Mapping[str, Any]) -> list[Step]:
    """Return the steps of a traffic routing; the last one is always 100 percent."""
    match routing.get("type", "AllAtOnce"):
        case "TimeBasedLinear":
            each = routing["timeBasedLinear"]
            percent, minutes = int(each["linearPercentage"]), float(each["linearInterval"])
            count = math.ceil(100 / percent)
            shifted = [Step(percent * number, minutes) for number in range(1, count)]
        case "TimeBasedCanary":
            each = routing["timeBasedCanary"]
            shifted = [Step(int(each["canaryPercentage"]), float(each["canaryInterval"]))]
        case _:
            shifted = []
    return [*shifted, Step(100, 0)]


def check(routing: Mapping[str, Any]) -> None:
    """Refuse a routing that CodeDeploy does not take.

    https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_TrafficRoutingConfig.html; the
    ranges of the numbers are those of the console, AWS's reference names none.

    Raises
    ------
    ValueError
        With what is allowed.
    """
    kind = routing.get("type")
    if kind not in ("AllAtOnce", "TimeBasedLinear", "TimeBasedCanary"):
        raise ValueError(
            "TrafficRoutingConfig.Type must be AllAtOnce, TimeBasedCanary or TimeBasedLinear, "
            f"not {kind!r}"
        )
    for member, numbers in (
        ("timeBasedLinear", ("linearPercentage", "linearInterval")),
        ("timeBasedCanary", ("canaryPercentage", "canaryInterval")),
    ):
        if kind.lower() != member.lower():
            continue
        percent, minutes = (int((routing.get(member) or {}).get(name, 0)) for name in numbers)
        if not 1 <= percent <= 99 or minutes < 1:
            raise ValueError(
                f"{kind} must move 1 to 99 percent every 1 minute or more, not {percent} percent "
                f"every {minutes}"
            )
