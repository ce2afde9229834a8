"""The findings of basic scanning, which does not say whether there is a fix."""

from __future__ import annotations

from typing import Any

from container_build.printable import printable
from container_build.scan.findings import Finding, Image, expect, severity_of


def basic_findings(found: dict[str, Any], image: Image) -> list[Finding]:
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
    items = expect(list, found.get("findings") or [], "findings")
    return [_finding(expect(dict, item, "finding"), image) for item in items]


def _finding(finding: dict[str, Any], image: Image) -> Finding:
    pairs = expect(list, finding.get("attributes") or [], "attributes")
    attributes = {
        pair.get("key"): pair.get("value")
        for pair in (expect(dict, pair, "attribute") for pair in pairs)
    }
    return Finding(
        id=printable(finding.get("name")) or "unnamed",
        severity=severity_of(finding),
        package=printable(attributes.get("package_name")),
        installed=printable(attributes.get("package_version")),
        fixed_in="",
        fix="UNKNOWN",
        link=printable(finding.get("uri"), 160),
        platform=image.platform,
        digest=image.digest,
    )
