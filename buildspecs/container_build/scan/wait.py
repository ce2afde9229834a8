"""How often a scan is asked for, and until when."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from container_build.scan.findings import NotYetError, UnreadableError

LONGEST_PAUSE = 10.0
# Within the first minute a result is noticed within three seconds, and twenty builds ask at most
# ten times a second. ECR publishes no quota for the question; as soon as it throttles, it is asked
# less often.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html
_SHORT_PAUSES_FOR = 60.0
_PROGRESS_EVERY = 15.0

T = TypeVar("T")


class Wait:
    """One time limit for all that a build waits for.

    Parameters
    ----------
    limit
        Seconds from now.
    interval
        The pause between two questions of the first minute; it grows from then on.
    now
        The seconds of a clock.
    sleep
        Waits for some seconds; gives whether the wait is over for another reason.
    """

    def __init__(
        self,
        limit: float,
        interval: float,
        now: Callable[[], float],
        sleep: Callable[[float], bool],
    ) -> None:
        self._limit, self._pause = limit, interval
        self._now, self._sleep = now, sleep
        self._start = self._said = now()

    def until(self, read: Callable[[], T]) -> T:
        """Return what is read as soon as there is a result.

        Parameters
        ----------
        read
            Reads once.

        Returns
        -------
        T
            What it has read.

        Raises
        ------
        UnreadableError
            If there is none in time.
        """
        while True:
            try:
                return read()
            except NotYetError as state:
                waited = self._now() - self._start
                if waited >= self._limit:
                    raise UnreadableError(
                        f"no result within {self._limit:.0f} s: {state}"
                    ) from None
                if self._now() - self._said >= _PROGRESS_EVERY:
                    self._said = self._now()
                    print(f"Still waiting after {waited:.0f} s: {state}", flush=True)
                if state.is_throttled:
                    self._pause = min(self._pause * 2, LONGEST_PAUSE)
                elif waited >= _SHORT_PAUSES_FOR:
                    self._pause = min(self._pause * 1.5, LONGEST_PAUSE)
            if self._sleep(min(self._pause, self._limit - waited)):
                raise UnreadableError("the build has ended for another reason")
