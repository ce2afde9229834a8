"""How long CodeDeploy waits: shortened like all waits of AWS, and on the clock of pipelines.

So ``POST /_local/clock?forward=SECONDS`` moves deployments on as well.
"""

from typing import Final

from local.emulator.ecs.pace import shortened
from local.emulator.pipelines.clock import clock

POLL_SECONDS: Final = 0.1


class Deadline:
    """The end of a wait that begins now.

    Parameters
    ----------
    minutes
        Its length on AWS.
    """

    def __init__(self, minutes: float) -> None:
        self._end = clock.now() + shortened(60 * minutes)

    def is_over(self) -> bool:
        """Return whether it has passed."""
        return clock.now() >= self._end
