"""The log's tables, the artifact, and the verdict in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from container_build.printable import printable
from container_build.scan.decision import Decision
from container_build.scan.findings import SEVERITIES, UNSUPPORTED, Finding
from container_build.scan.settings import Allowance

_MOST_ROWS = 200


def tables(decision: Decision) -> list[str]:
    """Write down what blocks and why, and what does not although it could.

    Parameters
    ----------
    decision
        The decision.

    Returns
    -------
    list[str]
        The lines.
    """
    lines: list[str] = []
    if decision.blocking:
        rows = [
            (f.id, f.severity, f.package, f.installed, f.fixed_in, f.platform, why, f.link)
            for f, why in decision.blocking
        ]
        heading = ["ID", "SEVERITY", "PACKAGE", "INSTALLED", "FIXED IN", "PLATFORM", "WHY", "LINK"]
        lines += ["Blocking:", *_table(heading, rows, _MOST_ROWS), ""]
    if decision.allowed:
        allowed = [
            (f.id, f.severity, f.package, f.platform, str(e.expires), printable(e.reason, 120))
            for f, e in decision.allowed
        ]
        heading = ["ID", "SEVERITY", "PACKAGE", "PLATFORM", "UNTIL", "REASON"]
        lines += ["Allowed:", *_table(heading, allowed, _MOST_ROWS - len(decision.blocking)), ""]
    if decision.unfixable:
        lines.append(f"Not blocking, as no fix is known: {_names(decision.unfixable)}")
    if decision.expired:
        entries = ", ".join(f"{printable(e.id)} (until {e.expires})" for e in decision.expired)
        lines.append(f"Expired in the allow-list: {entries}")
    if decision.unmatched:
        lines.append(f"In the allow-list without a finding: {_names(decision.unmatched)}")
    return lines


def record(findings: Sequence[Finding], decision: Decision) -> dict[str, Any]:
    """Give the findings and what becomes of them as plain data.

    Parameters
    ----------
    findings
        All findings.
    decision
        The decision.

    Returns
    -------
    dict[str, Any]
        What ``scan-findings.json`` says of them.
    """
    return {
        "counts": _tally(findings),
        "blocking": [{**asdict(finding), "why": why} for finding, why in decision.blocking],
        "allowed": [
            {**asdict(finding), "reason": entry.reason, "expires": str(entry.expires)}
            for finding, entry in decision.allowed
        ],
        "unfixable": [asdict(finding) for finding in decision.unfixable],
        "expired": [entry.id for entry in decision.expired],
        "unmatched": [entry.id for entry in decision.unmatched],
        "findings": [asdict(finding) for finding in findings],
    }


def verdict(
    findings: Sequence[Finding],
    decision: Decision,
    problems: Sequence[str],
    *,
    enforce: bool,
) -> str:
    """Say in one line how it ends.

    Parameters
    ----------
    findings
        All findings.
    decision
        The decision.
    problems
        Why there are not all of them.
    enforce
        Whether the gate stops a build.

    Returns
    -------
    str
        The line.
    """
    gate = "Scan gate" if enforce else "Scan gate (report only, nothing is stopped)"
    if problems:
        return f"{gate}: NO READABLE RESULT: {'; '.join(problems)}."
    if any(finding.id == UNSUPPORTED for finding, _ in decision.blocking):
        return (
            f"{gate}: BLOCKED, as ECR scans no image of this kind, such as one FROM scratch: take "
            f"a base image that it supports, allow '{UNSUPPORTED}' in build.scan.allow with a "
            "reason and a last day, or set build.scan.mode to report."
        )
    if decision.blocking:
        blocking = _counted([finding for finding, _ in decision.blocking])
        return (
            f"{gate}: BLOCKED by {blocking}; update what contains them, "
            "or allow each with a reason and a last day."
        )
    return f"{gate}: PASSED with {_counted(findings)}, none of which blocks."


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]], most: int) -> list[str]:
    """Align some rows without columns that are empty in all; say how many rows more there are."""
    used = [place for place in range(len(heading)) if any(row[place] for row in rows)]
    shown = [[row[place] or "-" for place in used] for row in (heading, *rows[: max(most, 0)])]
    widths = [max(len(row[place]) for row in shown) for place in range(len(used))]
    lines = []
    for row in shown:
        cells = (cell.ljust(widths[place]) for place, cell in enumerate(row))
        lines.append("  " + "  ".join(cells).rstrip())
    more = len(rows) + 1 - len(shown)
    return lines + ([f"  ... and {more} more, see the artifact"] if more else [])


def _names(entries: Sequence[Finding] | Sequence[Allowance]) -> str:
    return printable(", ".join(dict.fromkeys(printable(entry.id) for entry in entries)), 500)


def _tally(findings: Sequence[Finding]) -> dict[str, int]:
    """Count findings by severity, the worst first and the unknown at the end."""
    counts = Counter(finding.severity for finding in findings)
    order = [*SEVERITIES, *sorted(set(counts) - set(SEVERITIES))]
    return {name: counts[name] for name in order if counts[name]}


def _counted(findings: Sequence[Finding]) -> str:
    by_severity = ", ".join(f"{name} {count}" for name, count in _tally(findings).items())
    noun = "finding" if len(findings) == 1 else "findings"
    return f"{len(findings)} {noun}" + (f" ({by_severity})" if by_severity else "")
