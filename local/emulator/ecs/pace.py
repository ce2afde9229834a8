"""How fast time passes for ECS and load balancers here.

What they wait for by themselves is shortened: intervals of health checks, grace periods, delays.
What an application takes is not: the time-out of a health check and that of stopping a container.
"""

from typing import Final

FACTOR: Final = 20
"""How many seconds of AWS's one second is here."""


def shortened(seconds: float) -> float:
    """Return how long something takes here that takes so many seconds on AWS."""
    return seconds / FACTOR
