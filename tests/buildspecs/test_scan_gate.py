import ast
import datetime as dt
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from container_build.aws import Aws
from container_build.failure import BuildFailedError
from container_build.printable import printable
from container_build.programs import AwsError, NoAnswerError, Programs
from container_build.scan.basic import basic_findings
from container_build.scan.decision import decide
from container_build.scan.findings import Image
from container_build.scan.gate import Gate
from container_build.scan.images import INDEXES, MANIFESTS, images_behind
from container_build.scan.registry import Registry
from container_build.scan.settings import parse_settings
from container_build.settings import read_repository

BUILDSPECS = Path(__file__).parents[2] / "buildspecs"
MODULES = sorted((BUILDSPECS / "container_build").rglob("*.py"))
URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/my-app"
DIGEST = "sha256:" + "a" * 64
AMD64 = "sha256:" + "b" * 64
ARM64 = "sha256:" + "c" * 64
ATTESTATION = "sha256:" + "d" * 64
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
NAMED = {"registryId": "111122223333", "repositoryName": "team/my-app"}
MARK = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
TODAY = dt.date(2026, 6, 15)


def digest_of(request: Mapping[str, Any]) -> str:
    (named,) = request.get("imageIds") or [request["imageId"]]
    return str(named["imageDigest"])


class Scenario(Aws):
    """Answers from a scenario, the last one of each operation and image for ever; notes each."""

    def __init__(self, scenario: dict[str, list[Any]]) -> None:
        super().__init__(Programs({"PATH": "/nowhere"}, Path("/")), {}, "amazonaws.com")
        self.scenario = scenario
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def ask(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        region: str = "",
        *,
        is_patient: bool = True,
    ) -> Any:
        assert (service, region, is_patient) == ("ecr", "eu-west-1", False)
        key = f"{operation} {digest_of(request)}"
        asked = sum(key == f"{o} {digest_of(r)}" for o, r in self.calls)
        self.calls.append((operation, dict(request)))
        replies = self.scenario[key]
        reply = replies[min(asked, len(replies) - 1)]
        if isinstance(reply, dict) and "error" in reply:
            code = re.search(r"\((\w+)\)", reply["error"])
            raise AwsError(printable(reply["error"], 1000), code[1] if code else "")
        return json.loads(reply) if isinstance(reply, str) else reply


def error(code: str, message: str = "no") -> dict[str, str]:
    return {"error": f"An error occurred ({code}) when calling the X operation: {message}"}


NOT_FOUND = error("ScanNotFoundException")


def basic(name: str, severity: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "severity": severity,
        "uri": f"https://example.com/{name}",
        "attributes": [
            {"key": "package_name", "value": "openssl"},
            {"key": "package_version", "value": "3.0.1"},
        ],
        **changes,
    }


def enhanced(name: str, severity: str, fix: str = "YES", **changes: Any) -> dict[str, Any]:
    return {
        "severity": severity,
        "title": f"{name} - zlib",
        "fixAvailable": fix,
        "packageVulnerabilityDetails": {
            "vulnerabilityId": name,
            "sourceUrl": f"https://example.com/{name}",
            "vulnerablePackages": [
                {"name": "zlib", "version": "1.2.0", "fixedInVersion": "1.2.9"},
                {"name": "zlib", "version": "1.2.0", "fixedInVersion": "1.2.9"},
                {"name": "minizip", "version": "1.1.0", "fixedInVersion": "1.2.9"},
            ],
        },
        **changes,
    }


def scan(*findings: dict[str, Any], status: str = "COMPLETE", **more: Any) -> dict[str, Any]:
    shape = "enhancedFindings" if any("fixAvailable" in f for f in findings) else "findings"
    return {
        "imageScanStatus": {"status": status, "description": "as it is"},
        "imageScanFindings": {shape: list(findings), "imageScanCompletedAt": 1.0},
        **more,
    }


def waiting(status: str) -> dict[str, Any]:
    return {"imageScanStatus": {"status": status, "description": "as it is"}}


def manifest(**document: Any) -> dict[str, Any]:
    return {"images": [{"imageManifest": json.dumps(document)}], "failures": []}


def entry(digest: str, os_name: str, architecture: str, **more: Any) -> dict[str, Any]:
    platform = {"os": os_name, "architecture": architecture}
    return {"mediaType": OCI_IMAGE, "digest": digest, "platform": platform, **more}


SINGLE = manifest(mediaType=OCI_IMAGE, layers=[])
INDEX = manifest(
    mediaType=OCI_INDEX,
    manifests=[
        entry(AMD64, "linux", "amd64"),
        entry(ARM64, "linux", "arm64"),
        entry(ATTESTATION, "unknown", "unknown", **MARK),
    ],
)


@pytest.fixture
def build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., SimpleNamespace]:
    """Run the gate as a build does."""

    def build(
        *replies: Any, images: Any = SINGLE, document: str | None = None, **settings: Any
    ) -> SimpleNamespace:
        scenario = {f"BatchGetImage {DIGEST}": [images]}
        if isinstance(replies[0], dict) and any(key.startswith("sha256:") for key in replies[0]):
            scenario |= {f"DescribeImageScanFindings {k}": v for k, v in replies[0].items()}
        else:
            scenario[f"DescribeImageScanFindings {DIGEST}"] = list(replies)
        aws, artifact = Scenario(scenario), tmp_path / "scan-findings.json"
        given = {"poll_interval": 0.001, "max_wait": 30, **settings}
        status, capsys_before = 0, capsys.readouterr()
        assert capsys_before.err == ""
        try:
            gate = Gate(
                json.dumps(given) if document is None else document,
                read_repository(URI),
                DIGEST,
                aws,
            )
            gate.wait()
            gate.decide(artifact)
            output = capsys.readouterr().out
            verdict = output.splitlines()[-1]
        except BuildFailedError as failure:
            status, output, verdict = failure.status, capsys.readouterr().out, str(failure)
        return SimpleNamespace(
            status=status,
            output=output,
            verdict=verdict,
            artifact=json.loads(artifact.read_text()) if artifact.exists() else None,
            calls=aws.calls,
        )

    return build


Build = Callable[..., SimpleNamespace]


def test_low_findings_pass_and_ecr_is_asked_by_digest(build: Build) -> None:
    done = build(scan(basic("CVE-2026-0001", "LOW")))
    assert done.status == 0
    assert done.verdict == "Scan gate: PASSED with 1 finding (LOW 1), none of which blocks."
    image = {"imageDigest": DIGEST}
    accepted = [*INDEXES, *MANIFESTS]
    assert done.calls == [
        ("BatchGetImage", {**NAMED, "imageIds": [image], "acceptedMediaTypes": accepted}),
        ("DescribeImageScanFindings", {**NAMED, "imageId": image}),
    ]
    assert done.artifact["verdict"] == "passed"
    assert done.artifact["findings"][0]["id"] == "CVE-2026-0001"


@pytest.mark.parametrize("severity", ["CRITICAL", "HIGH"])
def test_high_and_critical_block(build: Build, severity: str) -> None:
    done = build(scan(basic("CVE-2026-0001", severity), basic("CVE-2026-0002", "LOW")))
    assert done.status == 1
    assert done.verdict.startswith(f"Scan gate: BLOCKED by 1 finding ({severity} 1);")
    heading, row = done.output.split("Blocking:\n")[1].splitlines()[:2]
    assert heading.split() == ["ID", "SEVERITY", "PACKAGE", "INSTALLED", "WHY", "LINK"]
    assert row.split()[:4] == ["CVE-2026-0001", severity, "openssl", "3.0.1"]
    assert row.index("openssl") == heading.index("PACKAGE")
    assert row.endswith("https://example.com/CVE-2026-0001")
    assert "CVE-2026-0002" not in done.output
    assert done.artifact["verdict"] == "blocked"
    assert done.artifact["counts"] == {severity: 1, "LOW": 1}
    assert [f["id"] for f in done.artifact["blocking"]] == ["CVE-2026-0001"]


@pytest.mark.parametrize(("threshold", "status"), [("MEDIUM", 1), ("HIGH", 0), ("CRITICAL", 0)])
def test_the_threshold_decides(build: Build, threshold: str, status: int) -> None:
    assert build(scan(basic("CVE-2026-0001", "MEDIUM")), threshold=threshold).status == status


@pytest.mark.parametrize("severity", ["CATASTROPHIC", "", None])
def test_a_severity_that_is_not_known_blocks(build: Build, severity: str | None) -> None:
    done = build(scan({**basic("CVE-2026-0001", ""), "severity": severity}))
    assert done.status == 1
    assert "severity is not known" in done.output


def test_an_allowed_finding_passes_and_is_shown_with_its_last_day(build: Build) -> None:
    allow = [
        {"id": "cve-2026-0001", "reason": "not reachable", "expires": "2999-12-31"},
        {"id": "CVE-2026-0009", "reason": "gone", "expires": "2999-12-31"},
    ]
    done = build(scan(basic("CVE-2026-0001", "HIGH")), allow=allow)
    assert done.status == 0
    assert re.search(r"CVE-2026-0001 +HIGH +openssl +2999-12-31 +not reachable", done.output)
    assert "In the allow-list without a finding: CVE-2026-0009" in done.output
    (allowed,) = done.artifact["allowed"]
    assert (allowed["reason"], allowed["expires"]) == ("not reachable", "2999-12-31")


def test_an_expired_entry_does_not_hold(build: Build) -> None:
    allow = [{"id": "CVE-2026-0001", "reason": "later", "expires": "2020-01-31"}]
    done = build(scan(basic("CVE-2026-0001", "HIGH")), allow=allow)
    assert done.status == 1
    assert "allowed only until 2020-01-31" in done.output
    assert "Expired in the allow-list: CVE-2026-0001 (until 2020-01-31)" in done.output


@pytest.mark.parametrize(
    ("finding", "status"),
    [
        (enhanced("CVE-2026-0001", "CRITICAL", "NO"), 0),
        (enhanced("CVE-2026-0001", "CRITICAL", "PARTIAL"), 1),
        (enhanced("CVE-2026-0001", "CRITICAL", "YES"), 1),
        (enhanced("CVE-2026-0001", "CRITICAL", ""), 1),
        (basic("CVE-2026-0001", "CRITICAL"), 1),
    ],
)
def test_fixable_only_passes_what_is_known_to_have_no_fix(
    build: Build, finding: dict[str, Any], status: int
) -> None:
    done = build(scan(finding, status="ACTIVE"), fixable_only=True)
    assert done.status == status
    assert ("Not blocking, as no fix is known: CVE-2026-0001" in done.output) is (status == 0)


def test_without_fixable_only_an_unfixable_finding_blocks(build: Build) -> None:
    assert build(scan(enhanced("CVE-2026-0001", "CRITICAL", "NO"))).status == 1


def test_enhanced_findings_name_packages_and_fixes_once(build: Build) -> None:
    done = build(scan(enhanced("CVE-2026-0001", "HIGH"), status="ACTIVE"))
    assert done.status == 1
    assert re.search(r"zlib, minizip +1\.2\.0, 1\.1\.0 +1\.2\.9 ", done.output)


def test_both_shapes_over_several_pages_arrive(build: Build) -> None:
    pages = [
        scan(basic("CVE-2026-0001", "LOW"), nextToken="one"),
        scan(enhanced("CVE-2026-0002", "LOW"), nextToken="two"),
        scan(enhanced("CVE-2026-0003", "CRITICAL")),
    ]
    done = build(*pages, *pages)
    assert done.status == 1
    ids = [f["id"] for f in done.artifact["findings"]]
    assert ids == ["CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003"]
    assert [request.get("nextToken") for _, request in done.calls[1:4]] == [None, "one", "two"]


def test_pages_that_do_not_end_are_no_result(build: Build) -> None:
    done = build(scan(nextToken="same"))
    assert done.status == 2
    assert "do not end" in done.verdict


def test_a_scan_that_is_not_there_yet_is_waited_for(build: Build) -> None:
    done = build(
        NOT_FOUND,
        waiting("PENDING"),
        waiting("IN_PROGRESS"),
        error("ThrottlingException"),
        scan(basic("CVE-2026-0001", "LOW")),
    )
    assert done.status == 0
    assert len(done.calls) == 6
    assert {"StartImageScan" in operation for operation, _ in done.calls} == {False}


def test_findings_that_still_arrive_are_waited_for(build: Build) -> None:
    empty = {"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {"findings": []}}
    first = scan(enhanced("CVE-2026-0001", "LOW"), status="ACTIVE")
    counted = json.loads(json.dumps(first))
    counted["imageScanFindings"]["findingSeverityCounts"] = {"LOW": 1, "CRITICAL": 1, "TOTAL": 2}
    both = [enhanced("CVE-2026-0001", "LOW"), enhanced("CVE-2026-0002", "CRITICAL")]
    done = build(empty, first, counted, scan(*both, status="ACTIVE"))
    assert done.status == 1
    assert len(done.calls) == 6


def test_a_clean_enhanced_scan_passes(build: Build) -> None:
    done = build(
        {
            "imageScanStatus": {"status": "ACTIVE"},
            "imageScanFindings": {"enhancedFindings": [], "imageScanCompletedAt": 1.0},
        }
    )
    assert done.status == 0
    assert done.verdict == "Scan gate: PASSED with 0 findings, none of which blocks."


@pytest.mark.parametrize(
    "status",
    [
        *("FAILED", "SCAN_ELIGIBILITY_EXPIRED", "FINDINGS_UNAVAILABLE"),
        *("LIMIT_EXCEEDED", "IMAGE_ARCHIVED", "SOMETHING_NEW"),
    ],
)
def test_a_scan_without_result_fails_at_once(build: Build, status: str) -> None:
    done = build(scan(status=status))
    assert done.status == 2
    assert (
        f"NO READABLE RESULT: {DIGEST}: the scan's status is {status} (as it is);" in done.verdict
    )
    assert done.artifact is None
    assert len(done.calls) == 2


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("[]", "no readable document"),
        ({"registryId": "111122223333"}, "no readable scan status"),
        ({"imageScanStatus": {"status": "COMPLETE"}}, "no readable findings"),
        (scan(imageScanFindings={"findings": {"a": 1}}), "no readable findings"),
        (scan(imageScanFindings={"findings": ["CVE-2026-0001"]}), "no readable finding"),
        (scan(imageId={"imageDigest": AMD64}), "for another image"),
        (error("AccessDeniedException", "User x may not y"), "User x may not y"),
        (
            error(
                "AccessDeniedException",
                "You are not authorized to perform: inspector2:ListFindings on resource: x",
            ),
            "say so by ScanGate(enhanced_scanning=True)",
        ),
        (error("RepositoryNotFoundException", "no such repository"), "no such repository"),
        ({"error": "Unable to locate credentials"}, "Unable to locate credentials"),
    ],
)
def test_an_answer_that_is_not_readable_fails_and_says_why(
    build: Build, reply: Any, said: str
) -> None:
    done = build(reply)
    assert done.status == 2
    assert said in done.verdict


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ({"images": [], "failures": [{"failureCode": "ImageNotFound"}]}, "ImageNotFound"),
        ({"images": [{"imageManifest": "{"}]}, "not readable"),
        ({"images": [{}]}, "not readable"),
        (
            manifest(manifests=[entry(ATTESTATION, "unknown", "unknown", **MARK)]),
            "no image that can run",
        ),
        (manifest(manifests=[]), "no image that can run"),
        (manifest(manifests=[{"platform": {"os": "linux"}}]), "no readable digest"),
        (error("AccessDeniedException", "no BatchGetImage"), "no BatchGetImage"),
    ],
)
def test_an_image_that_is_not_readable_fails(build: Build, images: Any, said: str) -> None:
    done = build(scan(), images=images)
    assert done.status == 2
    assert said in done.verdict
    assert len(done.calls) == 1


def test_each_platform_of_an_index_is_judged(build: Build) -> None:
    done = build(
        {AMD64: [scan(basic("CVE-1", "LOW"))], ARM64: [NOT_FOUND, scan(basic("CVE-2", "HIGH"))]},
        images=INDEX,
    )
    assert done.status == 1
    assert re.search(r"CVE-2 +HIGH +openssl +3\.0\.1 +linux/arm64", done.output)
    assert [image["digest"] for image in done.artifact["images"]] == [AMD64, ARM64]
    asked = [digest_of(request) for _, request in done.calls]
    assert ATTESTATION not in asked
    assert DIGEST not in asked[1:]


@pytest.mark.parametrize(
    "platform",
    [
        *(("linux", "amd64"), ("unknown", "amd64"), ("linux", "unknown"), ("UNKNOWN", "unknown")),
        (None, None),
    ],
)
@pytest.mark.parametrize("marked", [True, False])
def test_an_image_that_calls_itself_an_attestation_is_scanned(
    build: Build, platform: tuple[str, str], marked: bool
) -> None:
    done = build(
        {AMD64: [scan(basic("CVE-1", "HIGH"))]},
        images=manifest(manifests=[entry(AMD64, *platform, **(MARK if marked else {}))]),
    )
    assert done.status == 1


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {"annotations": None},
        {"annotations": {"vnd.docker.reference.type": "image"}},
        {"annotations": {"vnd.docker.reference.digest": AMD64}},
    ],
)
def test_an_image_of_an_unknown_platform_is_no_attestation(
    build: Build, annotations: dict[str, Any]
) -> None:
    done = build(
        {AMD64: [scan()], ARM64: [scan(basic("CVE-1", "HIGH"))]},
        images=manifest(
            manifests=[
                entry(AMD64, "linux", "amd64"),
                entry(ARM64, "unknown", "unknown", **annotations),
            ]
        ),
    )
    assert done.status == 1
    assert "unknown/unknown" in done.output


def test_one_platform_without_result_shows_the_other_and_fails(build: Build) -> None:
    done = build(
        {AMD64: [scan(status="FAILED")], ARM64: [scan(basic("CVE-2", "HIGH"))]}, images=INDEX
    )
    assert done.status == 2
    assert "CVE-2" in done.output
    assert f"linux/amd64 {AMD64}: the scan's status is FAILED" in done.verdict
    assert done.artifact["verdict"] == "unreadable"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (scan(basic("CVE-2026-0001", "CRITICAL")), "BLOCKED by 1 finding"),
        (scan(status="FAILED"), "NO READABLE RESULT"),
        (error("AccessDeniedException"), "AccessDeniedException"),
    ],
)
def test_report_mode_says_the_same_and_stops_nothing(build: Build, reply: Any, said: str) -> None:
    done = build(reply, mode="report")
    assert done.status == 0
    assert said in done.verdict
    assert "report only" in done.verdict


def test_hostile_text_stays_in_its_cell(build: Build) -> None:
    evil = "a\n\x1b[2K\x1b[31mScan gate: PASSED\r\x00\u202eb\u2028" + "x" * 500
    package = [{"key": "package_name", "value": evil}]
    done = build(scan(basic(evil, "HIGH", uri=evil, attributes=package)))
    assert done.status == 1
    assert not set("\x1b\r\x00\u202e\u2028") & set(done.output + done.verdict)
    assert len(done.output.splitlines()) == 6
    assert max(map(len, done.output.splitlines())) < 500
    assert "\x1b" not in json.dumps(done.artifact, ensure_ascii=False)


def test_a_long_table_is_cut_and_says_so(build: Build) -> None:
    done = build(scan(*(basic(f"CVE-2026-{n:05}", "HIGH") for n in range(1203))))
    assert done.output.count("https://example.com/") == 200
    assert "... and 1003 more" in done.output
    assert len(done.artifact["blocking"]) == 1203


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "SCAN_GATE is not as documented"),
        ("[]", "SCAN_GATE is not as documented"),
        ('{"mode": "off"}', "SCAN_GATE is not as documented"),
        ('{"threshold": "NONE"}', "threshold must be one of CRITICAL, HIGH"),
        ('{"fixable_only": "no"}', "must be true or false"),
        ('{"max_wait": Infinity}', "out of range"),
        ('{"poll_interval": 0}', "out of range"),
        ('{"allow": [{"id": "CVE-1", "reason": "", "expires": "soon"}]}', "soon"),
    ],
)
def test_settings_that_are_not_as_documented_are_no_result(
    build: Build, document: str, said: str
) -> None:
    done = build(scan(), document=document)
    assert done.status == 2
    assert said in done.verdict
    assert done.calls == []


UNSUPPORTED = [
    {"status": "UNSUPPORTED_IMAGE", "description": "No such system."},
    {
        "status": "FAILED",
        "description": "UnsupportedImageError: The operating system '' is not supported.",
    },
]
UNTIL = {"id": "UNSUPPORTED_IMAGE", "reason": "a static binary FROM scratch"}


@pytest.mark.parametrize("status", UNSUPPORTED)
def test_an_image_that_cannot_be_scanned_blocks_and_says_both_ways_out(
    build: Build, status: dict[str, str]
) -> None:
    done = build({"imageScanStatus": status})
    assert done.status == 1
    assert "scans no image of this kind, such as one FROM scratch" in done.verdict
    assert "allow 'UNSUPPORTED_IMAGE' in build.scan.allow" in done.verdict
    assert "set build.scan.mode to report" in done.verdict
    assert status["description"][:20] in done.output
    assert done.artifact["verdict"] == "blocked"


@pytest.mark.parametrize("status", UNSUPPORTED)
@pytest.mark.parametrize(("expires", "expected"), [("2999-12-31", 0), ("2020-01-31", 1)])
def test_an_image_that_cannot_be_scanned_is_allowed_until_a_day(
    build: Build, status: dict[str, str], expires: str, expected: int
) -> None:
    done = build({"imageScanStatus": status}, allow=[{**UNTIL, "expires": expires}])
    assert done.status == expected
    assert ("a static binary FROM scratch" in done.output) is (expected == 0)


def test_a_platform_that_cannot_be_scanned_does_not_hide_what_the_other_has(build: Build) -> None:
    done = build(
        {AMD64: [{"imageScanStatus": UNSUPPORTED[0]}], ARM64: [scan(basic("CVE-2", "HIGH"))]},
        images=INDEX,
        allow=[{**UNTIL, "expires": "2999-12-31"}],
    )
    assert done.status == 1
    assert "BLOCKED by 1 finding (HIGH 1)" in done.verdict


def test_no_other_failure_is_taken_for_an_image_that_cannot_be_scanned(build: Build) -> None:
    allow = [{**UNTIL, "expires": "2999-12-31"}]
    assert build(scan(status="FAILED"), allow=allow).status == 2
    assert build(NOT_FOUND, allow=allow, max_wait=0).status == 2


@pytest.mark.parametrize(
    "code",
    [
        *("ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"),
        *("ServerException", "InternalFailure", "InternalErrorException", "ServiceUnavailable"),
        "RequestTimeout",
    ],
)
@pytest.mark.parametrize("operation", ["images", "findings"])
def test_an_error_that_may_pass_is_waited_for(build: Build, code: str, operation: str) -> None:
    if operation == "images":
        aws = Scenario(
            {
                f"BatchGetImage {DIGEST}": [error(code), SINGLE],
                f"DescribeImageScanFindings {DIGEST}": [scan()],
            }
        )
        gate = Gate('{"poll_interval": 0.001}', read_repository(URI), DIGEST, aws)
        gate.wait()
        assert len(aws.calls) == 3
        return
    done = build(error(code), scan())
    assert done.status == 0
    assert len(done.calls) == 3


@pytest.mark.parametrize(
    "said",
    [
        'Could not connect to the endpoint URL: "https://x"',
        'Connect timeout on endpoint URL: "https://x"',
        'Read timeout on endpoint URL: "https://x"',
        "Connection was closed before we received a valid response from endpoint URL",
    ],
)
def test_a_network_that_fails_for_a_moment_is_waited_for(build: Build, said: str) -> None:
    assert build({"error": said}, scan()).status == 0


@pytest.mark.parametrize(
    "where", ["findings", "enhancedFindings", "findingSeverityCounts", "imageScanCompletedAt"]
)
@pytest.mark.parametrize("page", [0, 1, 2])
def test_each_fact_counts_on_whatever_page_it_is(build: Build, where: str, page: int) -> None:
    pages: list[dict[str, Any]] = [
        {
            "imageScanStatus": {"status": "ACTIVE"},
            "imageScanFindings": {},
            **({"nextToken": str(number + 1)} if number < 2 else {}),
        }
        for number in range(3)
    ]
    fact: Any = {
        "findings": [basic("CVE-1", "CRITICAL")],
        "enhancedFindings": [enhanced("CVE-1", "CRITICAL")],
        "findingSeverityCounts": {"CRITICAL": 1},
        "imageScanCompletedAt": 1.0,
    }[where]
    pages[page]["imageScanFindings"][where] = fact
    if where == "findingSeverityCounts":
        pages[0]["imageScanFindings"]["imageScanCompletedAt"] = 1.0
    # Counted but not listed is no result, and waited for: with more answers than can be asked for
    # in that time. Completed without findings is a clean one.
    waits = 0.05 if where == "findingSeverityCounts" else 60
    done = build(*pages * 2000, max_wait=waits)
    expected = {"findingSeverityCounts": 2, "imageScanCompletedAt": 0}.get(where, 1)
    assert done.status == expected
    if where == "findingSeverityCounts":
        assert "counted but not listed yet: CRITICAL" in done.verdict


@pytest.mark.parametrize("page", [0, 1])
@pytest.mark.parametrize("status", ["FAILED", "UNSUPPORTED_IMAGE", "SOMETHING_NEW", "IN_PROGRESS"])
def test_each_page_must_be_of_a_scan_that_is_done(build: Build, page: int, status: str) -> None:
    pages = [scan(basic("CVE-1", "LOW"), nextToken="1"), scan(basic("CVE-2", "LOW"))]
    pages[page] = {**pages[page], "imageScanStatus": {"status": status}}
    # Of the first page, the fake must not go on to the second.
    replies = pages[:1] if page == 0 else pages * 20
    assert build(*replies, max_wait=0.02).status != 0


@pytest.mark.parametrize("page", [0, 1])
def test_each_page_must_be_of_the_image(build: Build, page: int) -> None:
    pages = [scan(basic("CVE-1", "LOW"), nextToken="1"), scan(basic("CVE-2", "LOW"))]
    pages[page] = {**pages[page], "imageId": {"imageDigest": AMD64}}
    done = build(*pages)
    assert done.status == 2
    assert "for another image" in done.verdict


@pytest.mark.parametrize("severity", ["UNDEFINED", "UNTRIAGED"])
@pytest.mark.parametrize("threshold", ["CRITICAL", "INFORMATIONAL"])
def test_a_finding_that_nobody_has_rated_does_not_block(
    build: Build, severity: str, threshold: str
) -> None:
    done = build(scan(basic("CVE-1", severity)), threshold=threshold)
    assert done.status == 0
    assert f"PASSED with 1 finding ({severity} 1)" in done.verdict


class Clock:
    """A clock that only waiting moves; a question takes a second, as the AWS CLI would."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float | None = None) -> bool:
        self.pauses.append(seconds or 0)
        self.time += seconds or 0
        return False


class Asked(Aws):
    """Answers by a function of the seconds that have gone by."""

    def __init__(self, clock: Clock, answer: Callable[[float], Any]) -> None:
        super().__init__(Programs({"PATH": "/nowhere"}, Path("/")), {}, "amazonaws.com")
        self._clock, self._answer = clock, answer
        self.asked: list[float] = []

    def ask(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        region: str = "",
        *,
        is_patient: bool = True,
    ) -> Any:
        self._clock.time += 1
        self.asked.append(self._clock.time - 1000)
        answer = self._answer(self._clock.time - 1000)
        if isinstance(answer, Exception):
            raise answer
        return answer


def wait_for(clock: Clock, aws: Aws, **settings: Any) -> Gate:
    gate = Gate(
        json.dumps(settings),
        read_repository(URI),
        DIGEST,
        aws,
        is_one_image=True,
        today=lambda: TODAY,
        now=clock.now,
        pause=clock.wait,
    )
    gate.wait()
    return gate


@pytest.mark.parametrize("state", ["IN_PROGRESS", "PENDING"])
def test_a_scan_that_never_ends_is_given_up(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, state: str
) -> None:
    clock = Clock()
    gate = wait_for(clock, Asked(clock, lambda _: waiting(state)), max_wait=300)
    with pytest.raises(BuildFailedError, match=f"within 300 s: the scan's status is {state}"):
        gate.decide(tmp_path / "findings.json")
    assert 300 <= clock.time - 1000 <= 302
    assert max(clock.pauses) == 10
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Waiting up to 300 s for ECR's scan of {DIGEST}"
    assert 12 <= sum("Still waiting" in line for line in lines) <= 20


@pytest.mark.parametrize("takes", [5, 12.5, 29, 30, 31.7, 45, 59])
def test_the_end_of_a_scan_of_half_a_minute_is_noticed_within_three_seconds(takes: float) -> None:
    clock = Clock()
    aws = Asked(clock, lambda now: scan() if now >= takes else waiting("IN_PROGRESS"))
    wait_for(clock, aws, max_wait=300)
    assert clock.time - 1000 - takes <= 3
    # Twenty builds at once ask no more than seven times a second.
    assert 20 * len(aws.asked) / (clock.time - 1000) <= 7.0 + 20 / takes


def test_a_throttled_build_asks_less_often() -> None:
    clock = Clock()
    throttled = AwsError("An error occurred (ThrottlingException)", "ThrottlingException")
    aws = Asked(clock, lambda now: throttled if now < 40 else scan())
    wait_for(clock, aws, max_wait=300)
    assert clock.pauses[:4] == [4, 8, 10, 10]


def test_a_call_that_gives_no_answer_is_waited_for_and_given_up(tmp_path: Path) -> None:
    clock = Clock()
    gate = wait_for(clock, Asked(clock, lambda _: NoAnswerError("aws ecr gave no answer")))
    with pytest.raises(BuildFailedError, match="no result within 600 s: aws ecr gave no answer"):
        gate.decide(tmp_path / "findings.json")


def test_a_build_that_has_failed_already_waits_no_longer() -> None:
    clock = Clock()
    gate: Gate

    def pause(seconds: float | None = None) -> bool:
        return True

    gate = Gate(
        *("{}", read_repository(URI), DIGEST, Asked(clock, lambda _: waiting("PENDING"))),
        is_one_image=True,
        now=clock.now,
        pause=pause,
    )
    gate.wait()
    assert clock.time == 1001.0


@pytest.mark.parametrize(("expires", "blocks"), [("2026-06-15", 0), ("2026-06-14", 1)])
def test_an_entry_holds_through_its_last_day(expires: str, blocks: int) -> None:
    allow = [{"id": "CVE-1", "reason": "r", "expires": expires}]
    settings = parse_settings(json.dumps({"allow": allow}))
    findings = basic_findings({"findings": [basic("CVE-1", "HIGH")]}, Image(DIGEST, ""))
    assert len(decide(findings, settings, TODAY).blocking) == blocks


def test_an_index_in_an_index_is_looked_through() -> None:
    nested = manifest(manifests=[{"mediaType": OCI_INDEX, "digest": AMD64}])
    inner = manifest(manifests=[entry(ARM64, "linux", "arm64")])
    aws = Scenario({f"BatchGetImage {DIGEST}": [nested], f"BatchGetImage {AMD64}": [inner]})
    found = images_behind(Registry(aws, read_repository(URI)), Image(DIGEST, ""))
    assert found == [Image(ARM64, "linux/arm64")]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_the_program_needs_no_more_than_python_3_9(module: Path) -> None:
    tree = ast.parse(module.read_text(), feature_version=(3, 9))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).partition(".")[0])
    assert imported <= {*sys.stdlib_module_names, "container_build"}
    # New in 3.10 and later, although 3.9 can parse it.
    annotations = {"from __future__ import annotations"}
    assert annotations & set(module.read_text().splitlines()) or not imported & {"dataclasses"}
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not names & {"UTC", "StrEnum", "pairwise", "batched"}
    keywords = {k.arg for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords}
    assert not keywords & {"slots", "kw_only", "strict"}


@pytest.fixture
def ecr() -> Iterator[SimpleNamespace]:
    """An ECR endpoint with three pages of enhanced findings."""
    asked: list[tuple[str, dict[str, Any]]] = []
    agents: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((operation, request))
            agents.append(self.headers["User-Agent"])
            if operation == "BatchGetImage":
                reply = SINGLE
            else:
                page = int(request.get("nextToken", 0))
                reply = scan(
                    enhanced(f"CVE-2026-000{page}", "CRITICAL" if page == 2 else "LOW"),
                    status="ACTIVE",
                    **({"nextToken": str(page + 1)} if page < 2 else {}),
                )
            body = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", asked=asked, agents=agents)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("directly", [True, False], ids=["directly", "by the CLI"])
def test_all_pages_arrive_over_http(ecr: SimpleNamespace, tmp_path: Path, directly: bool) -> None:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": ecr.url,
        "AWS_ACCESS_KEY_ID": "example",
        "AWS_SECRET_ACCESS_KEY": "example",
    }
    aws = Aws(Programs(environment, tmp_path), environment, "amazonaws.com")
    if not directly:
        # A profile is nothing plain.
        environment["AWS_PROFILE"] = "default"
    gate = Gate('{"poll_interval": 0.01}', read_repository(URI), DIGEST, aws)
    gate.wait()
    with pytest.raises(BuildFailedError, match=r"BLOCKED by 1 finding \(CRITICAL 1\)"):
        gate.decide(tmp_path / "findings.json")
    named = {"registryId": "111122223333", "repositoryName": "team/my-app"}
    assert ecr.asked[0][1].items() >= named.items()
    assert ecr.asked[0][1]["imageIds"] == [{"imageDigest": DIGEST}]
    assert ecr.agents.count(None) == (7 if directly else 0)
    pages = [request for operation, request in ecr.asked if operation != "BatchGetImage"]
    assert [page.get("nextToken") for page in pages] == [None, "1", "2"] * 2
    assert {page["imageId"] == {"imageDigest": DIGEST} for page in pages} == {True}


def test_letters_outside_of_the_locale_end_no_build(tmp_path: Path) -> None:
    """In a process with an ASCII locale, as the program starts there."""
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop())\n"
        "from container_build import program, settings\n"
        "def fail(_): print('\\u00e9\\u65e5'); raise settings.BuildFailedError('\\u65e5')\n"
        "program._run = fail; program.main()"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, "x", str(BUILDSPECS)],
        env={"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.strip() in ("\\u65e5", "日")
