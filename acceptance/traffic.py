"""Requests to a service for as long as something is done to it."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from acceptance.services import get

_PAUSE_SECONDS: Final = 0.5


class Requests:
    """Sends a request at a time, and counts those that are not answered with 200.

    Parameters
    ----------
    url
        Where to.
    request
        Sends one; returns its status and body.
    pause
        How long to wait before the next one, in seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        request: Callable[[str], tuple[int, str]] = get,
        pause: float = _PAUSE_SECONDS,
    ) -> None:
        self._url, self._request, self._pause = url, request, pause
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self.sent = 0
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        self._done.set()
        self._thread.join()

    def __str__(self) -> str:
        """Say how many there were and how many failed."""
        failed = f"{len(self.failures)} failed ({self.failures[0]})" if self.failures else ""
        return f"{self.sent} requests meanwhile, {failed or 'none failed'}"

    def _send(self) -> None:
        while not self._done.is_set():
            status, body = self._request(self._url)
            self.sent += 1
            if status != 200:
                self.failures.append(f"{status or 'no answer'}: {body.strip()[:80]}")
            self._done.wait(self._pause)
