"""Health checks of load balancers, over HTTP.

As https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
has it: a new target is healthy with its first check that succeeds; one that is healthy becomes
unhealthy with as many failures in a row as the target group says, and the other way round.
"""

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from local.emulator.ecs.pace import shortened
from local.engine.network import connect

_AGENT: Final = "ELB-HealthChecker/2.0"
_POLL_SECONDS: Final = 0.05


class Failure(NamedTuple):
    """Why a check failed: ELB's code and words."""

    code: str
    words: str


class TargetCheck:
    """The health check of one target.

    Parameters
    ----------
    group
        The target group, as DescribeTargetGroups shows it.
    address, port
        The target.
    namespace
        The network namespace in which it is; None for that of this process.
    """

    def __init__(
        self, group: Mapping[str, Any], address: str, port: int, namespace: Path | None
    ) -> None:
        self.arn: str = group["TargetGroupArn"]
        self.address, self.port = address, port
        self.interval = shortened(int(group["HealthCheckIntervalSeconds"]))
        self.state = "initial"
        self.failure: Failure | None = None
        self._group = group
        self._namespace = namespace
        self._in_a_row = 0
        self._checked = False

    def run(self) -> None:
        """Check once, and judge."""
        if not self._checked:
            self._checked = True
            self._wait_for_listener()
        self.judge(self._probe())

    def judge(self, failure: Failure | None) -> None:
        """Take the outcome of a check into account: its failure, or None for a success."""
        self.failure = failure or self.failure
        succeeded = failure is None
        if self.state != "initial" and succeeded == (self.state == "healthy"):
            self._in_a_row = 0
            return
        self._in_a_row += 1
        name = "HealthyThresholdCount" if succeeded else "UnhealthyThresholdCount"
        needed = 1 if self.state == "initial" and succeeded else int(self._group[name])
        if self._in_a_row >= needed:
            self.state, self._in_a_row = "healthy" if succeeded else "unhealthy", 0

    def health(self) -> dict[str, str]:
        """Return what DescribeTargetHealth shows."""
        match self.state:
            case "healthy":
                return {"State": "healthy"}
            case "unhealthy" if self.failure:
                return {
                    "State": "unhealthy",
                    "Reason": self.failure.code,
                    "Description": self.failure.words,
                }
        return {
            "State": "initial",
            "Reason": "Elb.InitialHealthChecking",
            "Description": "Initial health checks in progress",
        }

    def _wait_for_listener(self) -> None:
        """Wait for the port, as long as until the next check: starting takes its own time."""
        deadline = time.monotonic() + self.interval
        while time.monotonic() < deadline:
            try:
                connect((self.address, self.port), self.interval, self._namespace).close()
            except OSError:
                time.sleep(_POLL_SECONDS)
            else:
                return

    def _probe(self) -> Failure | None:
        group, timeout = self._group, int(self._group["HealthCheckTimeoutSeconds"])
        port = group["HealthCheckPort"]
        number = self.port if port in (None, "", "traffic-port") else int(port)
        try:
            with connect((self.address, number), timeout, self._namespace) as connection:
                if group["HealthCheckProtocol"] not in ("HTTP", "HTTPS"):
                    return None
                status = _get(connection, group, f"{self.address}:{number}")
        except TimeoutError:
            return Failure("Target.Timeout", "Request timed out")
        except (OSError, http.client.HTTPException):
            return Failure("Target.FailedHealthChecks", "Health checks failed")
        if matches(status, (group.get("Matcher") or {}).get("HttpCode") or "200"):
            return None
        return Failure(
            "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]"
        )


def _get(connection: socket.socket, group: Mapping[str, Any], host: str) -> int:
    if group["HealthCheckProtocol"] == "HTTPS":  # certificates of targets are not looked at
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    client = http.client.HTTPConnection(host)
    client.sock = connection
    headers = {"User-Agent": _AGENT, "Connection": "close"}
    client.request("GET", group["HealthCheckPath"] or "/", headers=headers)
    return client.getresponse().status


def matches(status: int, matcher: str) -> bool:
    """Return whether a status code is one of a matcher such as ``200,301`` or ``200-299``."""
    for part in matcher.split(","):
        first, _, last = part.strip().partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False
