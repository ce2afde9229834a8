"""What a build asks of the vulnerability scan of the image that it has pushed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from aws_cdk import Duration

from container_pipelines._checks import check_duration, check_name, is_token
from container_pipelines._once import seconds_of
from container_pipelines._types import checked

# CodeBuild holds all environment variables of a build together in about 5500 characters.
_MOST_CHARACTERS = 4000


class Severity(StrEnum):
    """How bad a finding is, in the words of Amazon ECR and Amazon Inspector."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    INFORMATIONAL = "INFORMATIONAL"


class ScanGateMode(StrEnum):
    """Whether the gate stops a build."""

    ENFORCE = "enforce"
    """A blocking finding, or a result that cannot be read, fails the build."""
    REPORT = "report"
    """The gate says what it finds, or why it cannot; the build goes on in every case."""


@checked("allowed_finding")
@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedFinding:
    """A finding that may stay for a while, and why.

    The date is checked by each build, not at synthesis: one commit makes the same template on any
    day. A build names the entries that have expired and those that match no finding.

    Parameters
    ----------
    id
        The finding's ID as the scan gives it, such as ``CVE-2026-12345``.
    reason
        Why it may stay. Each build shows it.
    expires
        The last day (UTC) on which it may.

    Raises
    ------
    ValueError
        If the ID cannot be that of a finding, the reason is empty or ``expires`` is no date.
    """

    id: str
    reason: str
    expires: date

    def __post_init__(self) -> None:
        for name, value in (("id", self.id), ("reason", self.reason)):
            _check_known(f"allowed_finding.{name}", value)
        check_name(
            "allowed_finding.id",
            self.id,
            pattern=r"(?i:CVE-\d{4}-\d{4,}|(?!CVE-)[A-Z0-9]+([-._:][A-Z0-9]+)+)",
            maximum=128,
            allowed="the ID of one finding, such as 'CVE-2026-12345' or 'GHSA-xxxx-xxxx-xxxx'",
        )
        check_name(
            "allowed_finding.reason",
            self.reason,
            pattern=r"(?=.*\S)[^\x00-\x1f\x7f]+",
            maximum=500,
            allowed="one line that says why the finding may stay",
        )
        # A datetime is a date too, but one of which zone?
        if isinstance(self.expires, datetime):
            raise ValueError(  # noqa: TRY004 - as every other check of a parameter
                f"'allowed_finding.expires' must be a day, got {self.expires!r}; "
                f"give the last one on which it holds, such as datetime.date(2027, 1, 31)"
            )


@checked("scan_gate")
@dataclass(frozen=True, slots=True, kw_only=True)
class ScanGate:
    """Let no image pass that has known vulnerabilities of some severity.

    The build waits for the scan of the digest that it has pushed, be it basic scanning on push or
    enhanced scanning, and each image of a multi-platform build is checked. Without a readable
    result it fails.

    Parameters
    ----------
    severity
        Findings of this severity and above block. One that nobody has rated
        (``UNDEFINED``, ``UNTRIAGED``) does not; one with a word that AWS does not list does.
    fixable_only
        Whether a finding for which no fix is known passes. Only enhanced scanning says so: under
        basic scanning this changes nothing.
    allow
        Findings that may stay, each for a reason and until a day.
    max_wait
        How long the results may take, from 1 to 60 minutes.
    mode
        Whether the gate stops the build or only reports.
    enhanced_scanning
        Whether the registry scans by Amazon Inspector. The build may then read Inspector's
        findings, which AWS demands for it, and of which it knows no part: those of the whole
        account. Without it the gate fails in such a registry.

    Raises
    ------
    ValueError
        If a value is out of range, a finding is allowed twice, or the list is too long for the
        build's environment.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html,
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-enhanced-iam.html
    """

    severity: Severity = Severity.HIGH
    fixable_only: bool = False
    allow: Sequence[AllowedFinding] = ()
    max_wait: Duration = field(default_factory=lambda: Duration.minutes(10))
    mode: ScanGateMode = ScanGateMode.ENFORCE
    enhanced_scanning: bool = False

    def __post_init__(self) -> None:
        # The caller's list may change later.
        object.__setattr__(self, "allow", tuple(self.allow))
        _check_known("scan_gate.max_wait", self.max_wait)
        check_duration(
            "scan_gate.max_wait",
            self.max_wait,
            minimum=1 * 60,
            maximum=60 * 60,
            default="wait 10 minutes",
        )
        allowed = [entry.id.casefold() for entry in self.allow]
        for entry in self.allow:
            if allowed.count(entry.id.casefold()) > 1:
                raise ValueError(
                    f"'scan_gate.allow' must name each finding once, got '{entry.id}' more than "
                    f"once; keep the entry that holds longest"
                )
        if (length := len(self.settings())) > _MOST_CHARACTERS:
            raise ValueError(
                f"'scan_gate.allow' must fit into {_MOST_CHARACTERS} characters of the build's "
                f"environment, got {length}; shorten the reasons or drop what has been fixed"
            )

    def settings(self) -> str:
        """Render what the gate's program reads from its environment.

        Returns
        -------
        str
            A JSON document, the same for equal gates whatever the order of ``allow``.
        """
        return json.dumps(
            {
                "threshold": str(self.severity),
                "fixable_only": self.fixable_only,
                "allow": [
                    {"id": entry.id, "reason": entry.reason, "expires": entry.expires.isoformat()}
                    for entry in sorted(self.allow, key=lambda entry: entry.id)
                ],
                "max_wait": int(seconds_of(self.max_wait) or 0),
                "mode": str(self.mode),
            },
            separators=(",", ":"),
            sort_keys=True,
        )


def _check_known(parameter: str, value: str | Duration) -> None:
    """Reject a token: all of this goes into one JSON document, whose quotes it could break."""
    known = seconds_of(value) is not None if isinstance(value, Duration) else not is_token(value)
    if not known:
        raise ValueError(
            f"'{parameter}' must be known at synthesis, got a token; give the value itself"
        )
