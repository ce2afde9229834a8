"""The shipped buildspec and its scan gate, with the findings that scans can have."""

import json
from collections.abc import Callable
from datetime import date

import pytest

from container_pipelines import AllowedFinding, DockerBuild, Platform, ScanGate
from tests.buildspecs.builds import COMMIT, SCRATCH, TAG, Finished, Project

pytestmark = pytest.mark.e2e

SHORT_WAIT = json.dumps({"max_wait": 1, "poll_interval": 0.2})


def finding(severity: str, name: str = "CVE-2026-10001") -> dict[str, object]:
    return {
        "name": name,
        "severity": severity,
        "uri": f"https://example.com/{name}",
        "attributes": [
            {"key": "package_name", "value": "openssl"},
            {"key": "package_version", "value": "3.0.1"},
        ],
    }


def enhanced(severity: str, fix: str, name: str = "CVE-2026-10001") -> dict[str, object]:
    return {
        "severity": severity,
        "fixAvailable": fix,
        "title": f"{name} - openssl",
        "packageVulnerabilityDetails": {
            "vulnerabilityId": name,
            "vulnerablePackages": [{"name": "openssl", "version": "3.0.1"}],
        },
    }


def allowed(name: str, until: date) -> ScanGate:
    return ScanGate(allow=[AllowedFinding(id=name, reason="Not reachable.", expires=until)])


def check_stopped(project: Project, build: Finished, *, status: int, verdict: str | None) -> None:
    """The image is there for whoever wants to look at it, and nothing says to deploy it."""
    assert build.status == "FAILED"
    assert build.failure == ("BUILD", f"exit status {status}")
    assert build.deploys is None
    assert list(project.tags()) == [TAG]
    if verdict is None:
        assert build.artifact is None
    else:
        assert build.artifact is not None
        assert list(build.artifact) == ["scan-findings.json"]
        assert json.loads(build.artifact["scan-findings.json"])["verdict"] == verdict


def test_low_findings_pass(project: Project) -> None:
    project.find(finding("LOW"), finding("MEDIUM", "CVE-2026-10002"), finding("UNDEFINED", "x-1"))
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert build.deploys
    assert "PASSED with 3 findings (MEDIUM 1, LOW 1, UNDEFINED 1)" in build.last_words


@pytest.mark.parametrize("severity", ["CRITICAL", "HIGH"])
def test_what_blocks(project: Project, severity: str) -> None:
    project.find(finding("LOW", "CVE-2026-10002"), finding(severity))
    build = project.build(SCRATCH, commit=COMMIT)
    check_stopped(project, build, status=1, verdict="blocked")
    told = build.last_words.splitlines()
    (row,) = (line.split() for line in told if "CVE-2026-10001" in line)
    assert row[:4] == ["CVE-2026-10001", severity, "openssl", "3.0.1"]
    assert f"BLOCKED by 1 finding ({severity} 1)" in told[-1]


def test_what_was_blocked_is_not_released_by_its_digest(project: Project) -> None:
    project.find(finding("HIGH"))
    assert project.build(SCRATCH, commit=COMMIT).status == "FAILED"
    build = project.build(SCRATCH, commit="b" * 40, RELEASE_IMAGE=project.tags()[TAG])
    check_stopped(project, build, status=1, verdict="blocked")
    assert "nothing is built" in build.said


def test_an_allowed_finding_passes(new_project: Callable[..., Project]) -> None:
    project = new_project(scan_gate=allowed("CVE-2026-10001", date.max))
    project.find(finding("CRITICAL"))
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert "Not reachable." in build.said


def test_an_expired_allowance_blocks(new_project: Callable[..., Project]) -> None:
    project = new_project(scan_gate=allowed("CVE-2026-10001", date(2026, 1, 31)))
    project.find(finding("CRITICAL"))
    build = project.build(SCRATCH, commit=COMMIT)
    check_stopped(project, build, status=1, verdict="blocked")
    assert "allowed only until 2026-01-31" in build.last_words


@pytest.mark.parametrize(("fix", "passes"), [("NO", True), ("YES", False)])
def test_what_cannot_be_fixed(new_project: Callable[..., Project], fix: str, passes: bool) -> None:
    project = new_project(scan_gate=ScanGate(fixable_only=True))
    project.find(enhanced("CRITICAL", fix), status="ACTIVE", enhanced=True)
    build = project.build(SCRATCH, commit=COMMIT)
    if passes:
        assert build.status == "SUCCEEDED"
        assert "Not blocking, as no fix is known: CVE-2026-10001" in build.said
    else:
        check_stopped(project, build, status=1, verdict="blocked")


@pytest.mark.parametrize(
    ("status", "description", "told"),
    [
        ("FAILED", "The scan broke off.", "FAILED (The scan broke off.); push the image again"),
        ("LIMIT_EXCEEDED", "", "try again tomorrow"),
    ],
)
def test_a_scan_without_result(project: Project, status: str, description: str, told: str) -> None:
    project.find(status=status, description=description)
    build = project.build(SCRATCH, commit=COMMIT)
    check_stopped(project, build, status=2, verdict=None)
    assert told in build.last_words.splitlines()[-1]


def test_an_image_that_cannot_be_scanned(new_project: Callable[..., Project]) -> None:
    said = "UnsupportedImageError: The operating system '' version '' is not supported."
    project = new_project()
    project.find(status="FAILED", description=said)
    build = project.build(SCRATCH, commit=COMMIT)
    check_stopped(project, build, status=1, verdict="blocked")
    assert "allow 'UNSUPPORTED_IMAGE' in build.scan.allow" in build.last_words.splitlines()[-1]
    allowing = new_project(scan_gate=allowed("UNSUPPORTED_IMAGE", date.max))
    allowing.find(status="FAILED", description=said)
    assert allowing.build(SCRATCH, commit=COMMIT).status == "SUCCEEDED"


def test_a_scan_that_does_not_end(project: Project) -> None:
    project.find(status="IN_PROGRESS")
    build = project.build(SCRATCH, commit=COMMIT, SCAN_GATE=SHORT_WAIT)
    check_stopped(project, build, status=2, verdict=None)
    assert "no result within 1 s: the scan's status is IN_PROGRESS" in build.last_words


def test_findings_on_the_last_page_count(project: Project) -> None:
    low = [finding("LOW", f"CVE-2026-2{number:04}") for number in range(220)]
    project.find(*low, finding("CRITICAL"))
    build = project.build(SCRATCH, commit=COMMIT)
    check_stopped(project, build, status=1, verdict="blocked")
    assert build.artifact is not None
    assert len(json.loads(build.artifact["scan-findings.json"])["findings"]) == 221


def test_each_platforms_image_is_judged(new_project: Callable[..., Project]) -> None:
    both = (Platform.AMD64, Platform.ARM64)
    project = new_project(docker_build=DockerBuild(platforms=both))
    project.find(finding("HIGH"))
    build = project.build(SCRATCH, commit=COMMIT)
    check_stopped(project, build, status=1, verdict="blocked")
    assert "linux/amd64" in build.last_words
    assert "linux/arm64" in build.last_words
