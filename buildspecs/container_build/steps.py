"""How long the steps of a phase take, for whoever asks where a build's time goes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator


class Steps:
    """Adds up the time of each step, as the build waits for it."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take the time of a step.

        Parameters
        ----------
        name
            What the log calls it.
        """
        started = time.monotonic()
        yield
        self._seconds[name] = self._seconds.get(name, 0) + time.monotonic() - started

    def print(self) -> None:
        """Write the times into the log, in the order of the steps."""
        times = (f"{name} {seconds:.2f} s" for name, seconds in self._seconds.items())
        print(f"Took: {', '.join(times)}", flush=True)
