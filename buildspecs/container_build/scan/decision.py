"""Which findings block."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from container_build.scan.findings import SEVERITIES, UNRATED, UNSUPPORTED, Finding
from container_build.scan.settings import Allowance, GateSettings


class Decision(NamedTuple):
    """What the findings mean."""

    blocking: list[tuple[Finding, str]]
    allowed: list[tuple[Finding, Allowance]]
    unfixable: list[Finding]
    expired: list[Allowance]
    unmatched: list[Allowance]


def decide(findings: Sequence[Finding], settings: GateSettings, today: dt.date) -> Decision:
    """Say which findings block, and what keeps the others from it.

    Parameters
    ----------
    findings
        The findings of all images.
    settings
        What the project asks.
    today
        The day on which the allow-list is read.

    Returns
    -------
    Decision
        The decision, the worst findings first.
    """
    decision = Decision([], [], [], [], [])
    holding: dict[str, Allowance] = {}
    lapsed: dict[str, Allowance] = {}
    for entry in sorted(settings.allow, key=lambda entry: entry.expires):
        (holding if today <= entry.expires else lapsed)[entry.id.casefold()] = entry
        if entry.expires < today:
            decision.expired.append(entry)
    seen = {finding.id.casefold() for finding in findings}
    decision.unmatched.extend(e for e in settings.allow if e.id.casefold() not in seen)
    blocks = SEVERITIES[: SEVERITIES.index(settings.threshold) + 1]
    worst_first = {name: place for place, name in enumerate(SEVERITIES)}
    for finding in sorted(findings, key=lambda f: (worst_first.get(f.severity, -1), f)):
        key = finding.id.casefold()
        if finding.severity in (*SEVERITIES, *UNRATED) and finding.severity not in blocks:
            continue
        if key in holding:
            decision.allowed.append((finding, holding[key]))
        elif settings.fixable_only and finding.fix == "NO":
            decision.unfixable.append(finding)
        elif key in lapsed:
            decision.blocking.append((finding, f"allowed only until {lapsed[key].expires}"))
        elif finding.id == UNSUPPORTED:
            decision.blocking.append((finding, "ECR cannot scan it"))
        elif finding.severity not in SEVERITIES:
            decision.blocking.append((finding, "severity is not known"))
        else:
            decision.blocking.append((finding, f"{settings.threshold} and above block"))
    return decision
