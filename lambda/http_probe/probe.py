"""One question over HTTP, asked until the answer is the expected one."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_LONGEST_ATTEMPT: Final = 10.0
_PAUSE: Final = 2.0


class SettingError(Exception):
    """The function's environment is not what the library sets."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What is asked, and what is expected.

    Parameters
    ----------
    url
        What is asked for.
    status
        The status that passes.
    timeout
        For how many seconds it is tried.
    host
        The host name that is asked for, if it is not the URL's.
    """

    url: str
    status: int
    timeout: float
    host: str | None = None

    @staticmethod
    def of(environment: Mapping[str, str]) -> Probe:
        """Read it from the function's environment.

        Parameters
        ----------
        environment
            ``PROBE_URL``, ``PROBE_STATUS``, ``PROBE_TIMEOUT`` and, if need be, ``PROBE_HOST``.

        Returns
        -------
        Probe
            The probe.

        Raises
        ------
        SettingError
            If a variable is missing or no number where one is expected.
        """
        try:
            return Probe(
                url=environment["PROBE_URL"],
                status=int(environment["PROBE_STATUS"]),
                timeout=float(environment["PROBE_TIMEOUT"]),
                host=environment.get("PROBE_HOST"),
            )
        except KeyError as error:
            raise SettingError(f"the variable {error.args[0]} is not set") from None
        except ValueError:
            raise SettingError("PROBE_STATUS and PROBE_TIMEOUT must be numbers") from None

    def passes(self) -> bool:
        """Ask until the expected status comes or the time is over.

        The last attempt is the one that begins before the time is over. Each is logged.

        Returns
        -------
        bool
            Whether the expected status came.
        """
        end = time.monotonic() + self.timeout
        attempt = 0
        while True:
            attempt += 1
            left = end - time.monotonic()
            found = self._ask(max(1.0, min(_LONGEST_ATTEMPT, left)))
            print(f"Attempt {attempt}: {self.url} returned {found}, expected {self.status}")
            if found == str(self.status):
                return True
            if time.monotonic() + _PAUSE >= end:
                return False
            time.sleep(_PAUSE)

    def _ask(self, timeout: float) -> str:
        headers = {"User-Agent": "container-pipelines-http-probe"}
        if self.host is not None:
            headers["Host"] = self.host
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310 - http(s), checked
        try:
            with _OPENER.open(request, timeout=timeout) as response:
                return str(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return str(error.code)
        except (OSError, http.client.HTTPException) as error:
            # No connection, no answer in time, or one that is not HTTP.
            return f"no response ({getattr(error, 'reason', None) or type(error).__name__})"


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Takes a redirect as the answer that it is."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


# Without the proxies of an environment: the question is for the load balancer.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHere)
