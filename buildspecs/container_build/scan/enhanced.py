"""The findings of enhanced scanning, which is Amazon Inspector's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from container_build.printable import printable
from container_build.scan.findings import Finding, Image, expect, severity_of


def enhanced_findings(found: dict[str, Any], image: Image) -> list[Finding]:
    """Read the findings of one page.

    Parameters
    ----------
    found
        The page's ``imageScanFindings``.
    image
        The image.

    Returns
    -------
    list[Finding]
        The findings.

    Raises
    ------
    UnreadableError
        If they do not have the shape that AWS documents.
    """
    items = expect(list, found.get("enhancedFindings") or [], "findings")
    return [_finding(expect(dict, item, "finding"), image) for item in items]


def _finding(finding: dict[str, Any], image: Image) -> Finding:
    details = expect(dict, finding.get("packageVulnerabilityDetails") or {}, "finding")
    packages = [
        expect(dict, package, "package")
        for package in expect(list, details.get("vulnerablePackages") or [], "packages")
    ]
    fixed_in = _each_once(packages, "fixedInVersion")
    return Finding(
        id=printable(details.get("vulnerabilityId") or finding.get("title")) or "unnamed",
        severity=severity_of(finding),
        package=_each_once(packages, "name"),
        installed=_each_once(packages, "version"),
        fixed_in="" if fixed_in == "NotAvailable" else fixed_in,
        fix=printable(finding.get("fixAvailable")).upper() or "UNKNOWN",
        link=printable(details.get("sourceUrl"), 160),
        platform=image.platform,
        digest=image.digest,
    )


def _each_once(packages: Sequence[dict[str, Any]], key: str) -> str:
    values = (printable(package.get(key)) for package in packages if package.get(key))
    return printable(", ".join(dict.fromkeys(values)))
