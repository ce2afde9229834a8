"""Lines that say how far a run is, and waiting with a time-out."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from acceptance.errors import UnexpectedError

T = TypeVar("T")

_PAUSE_SECONDS: Final = 1.0
_REPEAT_SECONDS: Final = 60.0


class Progress:
    """Says what is being done, and again each minute for as long as it takes.

    Parameters
    ----------
    say
        Takes a line for people.
    now, sleep
        The clock in seconds, and what lets time pass.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.say = say
        self._now, self._sleep = now, sleep
        self._heading = ""
        self._text, self._since, self._said = "", 0.0, 0.0

    def begin(self, heading: str) -> None:
        """Begin something; following lines have its heading."""
        self._heading, self._text = heading, ""
        self.say(f"… {heading}")

    def note(self, text: str) -> None:
        """Say something if it is new, or a minute has passed since it was said."""
        now = self._now()
        if text != self._text:
            self._text, self._since, self._said = text, now, now
            self.say(f"… {self._heading}, {text}")
        elif now - self._said >= _REPEAT_SECONDS:
            self._said = now
            self.say(f"… {self._heading}, {text} {(now - self._since) / 60:.0f} min")

    def until(self, look: Callable[[], T | None], *, what: str, seconds: float) -> T:
        """Wait until something is there.

        Parameters
        ----------
        look
            Looks for it; None while it is not there.
        what
            What is waited for.
        seconds
            For how long at most.

        Returns
        -------
        object
            What was found.

        Raises
        ------
        UnexpectedError
            If it is not there in time.
        """
        deadline = self._now() + seconds
        while True:
            found = look()
            if found is not None:
                return found
            if self._now() >= deadline:
                raise UnexpectedError(f"{what}: not within {seconds / 60:.0f} min")
            self._sleep(_PAUSE_SECONDS)

    @property
    def clock(self) -> Callable[[], float]:
        """The clock, in seconds."""
        return self._now
