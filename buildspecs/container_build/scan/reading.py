"""A scan's pages, and whether they are all there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from container_build.printable import printable
from container_build.scan.basic import basic_findings
from container_build.scan.enhanced import enhanced_findings
from container_build.scan.findings import (
    SEVERITIES,
    UNSUPPORTED,
    Finding,
    Image,
    NotYetError,
    Scan,
    UnreadableError,
    expect,
    unsupported,
)
from container_build.scan.registry import Registry

_DONE = ("COMPLETE", "ACTIVE")
_RUNNING = ("IN_PROGRESS", "PENDING")
_ADVICE = {
    "FAILED": "push the image again for a new scan",
    "LIMIT_EXCEEDED": "the registry's scans of the day are used up; try again tomorrow",
}


def read_scan(registry: Registry, image: Image) -> Scan:
    """Read all findings of one image.

    Parameters
    ----------
    registry
        Answers for the repository.
    image
        The image.

    Returns
    -------
    Scan
        The findings; of an image that ECR cannot scan the one that stands for that.

    Raises
    ------
    NotYetError
        If the scan is not done, or its findings are not all there.
    UnreadableError
        If there will be no result.
    """
    findings: list[Finding] = []
    counts: dict[str, Any] = {}
    is_completed = is_enhanced = False
    status = ""
    tokens: list[str] = []
    while True:
        page = registry.ask(
            "DescribeImageScanFindings",
            imageId={"imageDigest": image.digest},
            **({"nextToken": tokens[-1]} if tokens else {}),
        )
        _check_image(page, image)
        status, said = _status(page)
        if _cannot_be_scanned(status, said):
            return unsupported(image, said)
        _check_status(status, said)
        found = expect(dict, page.get("imageScanFindings"), "findings")
        is_completed = is_completed or bool(found.get("imageScanCompletedAt"))
        is_enhanced = is_enhanced or "enhancedFindings" in found
        counts.update(expect(dict, found.get("findingSeverityCounts") or {}, "counts"))
        findings += basic_findings(found, image) + enhanced_findings(found, image)
        token = page.get("nextToken")
        if not token:
            break
        if token in tokens:
            raise UnreadableError("ECR's pages of findings do not end")
        tokens.append(expect(str, token, "page"))
    # The status can say that a scan is done before its findings are there.
    if not findings and not is_completed:
        raise NotYetError("the scan is said to be done, but has neither findings nor a time")
    listed = {finding.severity for finding in findings}
    missing = [name for name in SEVERITIES if counts.get(name) and name not in listed]
    if missing:
        raise NotYetError(f"findings are counted but not listed yet: {', '.join(missing)}")
    is_final = is_completed and not is_enhanced and status == "COMPLETE"
    return Scan(tuple(sorted(findings)), is_final)


def settled(read: Callable[[], Scan]) -> Callable[[], Scan]:
    """Read twice what may still grow: enhanced findings can arrive after the status says done.

    Parameters
    ----------
    read
        Reads once.

    Returns
    -------
    Callable[[], Scan]
        Reads, and raises `NotYetError` until two answers that may grow are the same.
    """
    before: list[Scan] = []

    def again() -> Scan:
        scan = read()
        if scan.is_final or before == [scan]:
            return scan
        before[:] = [scan]
        raise NotYetError("the findings may still be arriving")

    return again


def _check_image(page: dict[str, Any], image: Image) -> None:
    answered = expect(dict, page.get("imageId") or {}, "image").get("imageDigest", image.digest)
    if answered != image.digest:
        raise UnreadableError(f"ECR answered for another image, {printable(answered, 80)}")


def _status(page: dict[str, Any]) -> tuple[str, str]:
    scan = expect(dict, page.get("imageScanStatus"), "scan status")
    return printable(scan.get("status")) or "missing", printable(scan.get("description"), 200)


def _cannot_be_scanned(status: str, said: str) -> bool:
    # Enhanced scanning has a status of its own; basic scanning fails with UnsupportedImageError.
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-troubleshooting.html
    return status == UNSUPPORTED or (status == "FAILED" and "UnsupportedImageError" in said)


def _check_status(status: str, said: str) -> None:
    text = f"the scan's status is {status}" + (f" ({said})" if said else "")
    if status in _RUNNING:
        raise NotYetError(text)
    if status not in _DONE:
        raise UnreadableError(f"{text}; {_ADVICE.get(status, 'look at the image in ECR')}")
