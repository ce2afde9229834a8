"""Somebody who asks for a page again and again: whether a release was noticed."""

import collections
import http.client
import threading
import urllib.error
import urllib.request
from types import TracebackType
from typing import Final, Self

_PAUSE_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 10
_SERVER_ERROR: Final = 500
# Without the proxies of an environment: it is this machine that is asked.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Visitor:
    """Asks for a page until the block's end.

    Parameters
    ----------
    url
        The page.

    Attributes
    ----------
    answers
        How often each page came, in the order in which they came first.
    troubles
        How often each trouble came instead: a status from 500 on, or no answer.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True, name="visitor")
        self.answers: collections.Counter[str] = collections.Counter()
        self.troubles: collections.Counter[str] = collections.Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def told(self) -> str:
        """Say how it went, as a part of a sentence."""
        visits = self.answers.total() + self.troubles.total()
        if not self.troubles:
            return f"{visits} requests meanwhile, all answered"
        troubles = ", ".join(f"{count} x {what}" for what, count in self.troubles.items())
        return f"{visits} requests meanwhile, {self.troubles.total()} of them failed: {troubles}"

    def _go_on(self) -> None:
        # At least once: a release may be very short.
        while True:
            self._ask()
            if self._ended.wait(_PAUSE_SECONDS):
                return

    def _ask(self) -> None:
        try:
            with _OPENER.open(self._url, timeout=_PATIENCE_SECONDS) as response:
                self.answers[response.read().decode(errors="replace").strip()] += 1
        except urllib.error.HTTPError as error:
            error.close()
            # An application may well have nothing at this path.
            told = self.troubles if error.code >= _SERVER_ERROR else self.answers
            told[f"{error.code} {error.reason}"] += 1
        except (OSError, http.client.HTTPException) as error:
            self.troubles[f"no answer ({type(error).__name__})"] += 1
