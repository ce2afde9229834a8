"""The time by which pipelines wait: for people, windows, alarms and answers.

Nobody wants to wait a day for a deployment window or a week for the time-out of an approval.
``POST /_local/clock?forward=SECONDS`` moves this clock; it never goes back. What is recorded and
sent keeps the real time.
"""

import threading
import time


class Clock:
    """The real time, and what it was moved forward."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._moving = threading.Lock()

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time() + self._ahead

    def forward(self, seconds: float) -> None:
        """Move on.

        Raises
        ------
        ValueError
            `seconds` is not a positive finite number.
        """
        if not 0 < seconds < float("inf"):
            raise ValueError(f"forward must be a positive number of seconds, not {seconds}")
        with self._moving:
            self._ahead += seconds


clock = Clock()
