"""How a service answers during a release: one request after the other, and what became of each."""

import collections
import http.client
import ssl
import threading
import urllib.error
import urllib.request
from types import TracebackType
from typing import Final, Self

_PAUSE_SECONDS: Final = 0.05
_TIMEOUT_SECONDS: Final = 10
_SERVER_ERROR: Final = 500


class AvailabilityMonitor:
    """Sends requests to a URL until the ``with`` block ends, at least one.

    Parameters
    ----------
    url
        The URL.
    trusted
        Whose certificates are trusted, of a URL that is or becomes one of HTTPS; those of the
        system by default.

    Attributes
    ----------
    responses
        Each response that came, with its count, in the order in which they came first.
    failures
        Each failure, with its count: a status of 500 or above, or no response.
    """

    def __init__(self, url: str, trusted: ssl.SSLContext | None = None) -> None:
        self._url = url
        # Without the proxies of an environment: the requests stay on this machine.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
        )
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="availability")
        self.responses: collections.Counter[str] = collections.Counter()
        self.failures: collections.Counter[str] = collections.Counter()

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

    def summary(self) -> str:
        """Return how many requests were sent, and which of them failed."""
        requests = self.responses.total() + self.failures.total()
        if not self.failures:
            return f"{requests} during the release, none failed"
        failures = ", ".join(f"{count} x {what}" for what, count in self.failures.items())
        return f"{requests} during the release, {self.failures.total()} failed: {failures}"

    def _run(self) -> None:
        # At least once: a release may be very short.
        while True:
            self._request()
            if self._ended.wait(_PAUSE_SECONDS):
                return

    def _request(self) -> None:
        try:
            with self._opener.open(self._url, timeout=_TIMEOUT_SECONDS) as response:
                self.responses[response.read().decode(errors="replace").strip()] += 1
        except urllib.error.HTTPError as error:
            error.close()
            # An application may well have nothing at this path.
            counter = self.failures if error.code >= _SERVER_ERROR else self.responses
            counter[f"{error.code} {error.reason}"] += 1
        except (OSError, http.client.HTTPException) as error:
            self.failures[f"no response ({type(error).__name__})"] += 1
