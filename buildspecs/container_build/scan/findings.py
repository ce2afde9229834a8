"""A finding, and a scan, whatever kind of scanning it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from container_build.printable import printable

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")
"""AWS's severities, the worst first."""

UNRATED = ("UNDEFINED", "UNTRIAGED")
"""AWS's words for a finding that nobody has rated. Debian's lists are full of them, so that
blocking on them would stop every build. Any other word may mean anything: it blocks."""

UNSUPPORTED = "UNSUPPORTED_IMAGE"
"""The id of what stands for the scan of an image that ECR cannot scan."""

T = TypeVar("T")


class UnreadableError(Exception):
    """There is no result, and waiting will not bring one."""


class NotYetError(Exception):
    """There is no result so far; `is_throttled` if AWS asks for fewer questions."""

    def __init__(self, message: str, *, is_throttled: bool = False) -> None:
        super().__init__(message)
        self.is_throttled = is_throttled


@dataclass(frozen=True)
class Image:
    """One image that can run; an index has one for each platform."""

    digest: str
    platform: str


@dataclass(frozen=True, order=True)
class Finding:
    """A finding; `fix` is YES, NO, PARTIAL or UNKNOWN."""

    id: str
    severity: str
    package: str
    installed: str
    fixed_in: str
    fix: str
    link: str
    platform: str
    digest: str


class Scan(NamedTuple):
    """The findings of one image, sorted; `is_final` if they are not going to change."""

    findings: tuple[Finding, ...]
    is_final: bool


def unsupported(image: Image, said: str) -> Scan:
    """Let an image that cannot be scanned be one finding, which can be allowed like others.

    Parameters
    ----------
    image
        The image.
    said
        What ECR says of it.

    Returns
    -------
    Scan
        The scan.
    """
    finding = Finding(
        id=UNSUPPORTED,
        severity="UNKNOWN",
        package=said,
        installed="",
        fixed_in="",
        fix="UNKNOWN",
        link="",
        platform=image.platform,
        digest=image.digest,
    )
    return Scan((finding,), is_final=True)


def expect(kind: type[T], value: object, what: str) -> T:
    """Return a part of an answer if it has the type that it must have.

    Parameters
    ----------
    kind
        The type.
    value
        The part.
    what
        What it is called in the message.

    Returns
    -------
    T
        The part.

    Raises
    ------
    UnreadableError
        If it is of another type.
    """
    if not isinstance(value, kind):
        raise UnreadableError(f"ECR's reply has no readable {what}")
    return value


def severity_of(finding: dict[str, Any]) -> str:
    """Read how bad a finding is; what is missing is UNKNOWN."""
    return printable(finding.get("severity")).upper() or "UNKNOWN"
