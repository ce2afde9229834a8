import ast
import datetime as dt
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "buildspecs" / "scan_gate.py"
URI = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/my-app"
DIGEST = "sha256:" + "a" * 64
AMD64 = "sha256:" + "b" * 64
ARM64 = "sha256:" + "c" * 64
ATTESTATION = "sha256:" + "d" * 64
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
NAMED = "--region eu-west-1 --registry-id 111122223333 --repository-name team/my-app"
TODAY = dt.date(2026, 6, 15)

spec = importlib.util.spec_from_file_location("scan_gate", PROGRAM)
assert spec
assert spec.loader
scan_gate = importlib.util.module_from_spec(spec)
sys.modules["scan_gate"] = scan_gate
spec.loader.exec_module(scan_gate)

# Answers from a scenario, the last one of each command and image for ever, and notes each call.
FAKE_AWS = """#!{python} -SE
import json, pathlib, re, sys
here = pathlib.Path(__file__).parent
line = " ".join(sys.argv[1:])
key = sys.argv[2] + " " + re.search(r"imageDigest=(\\S+)", line).group(1)
log = here / "calls"
before = log.read_text().splitlines() if log.exists() else []
log.write_text("\\n".join([*before, line]) + "\\n")
replies = json.loads((here / "scenario.json").read_text())[key]
asked = sum(sys.argv[2] in call and key.split()[1] in call for call in before)
reply = replies[min(asked, len(replies) - 1)]
sys.stdout.write(reply if isinstance(reply, str) else json.dumps(reply))
if isinstance(reply, dict) and "error" in reply:
    sys.exit("\\n" + reply["error"])
"""


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
        entry(ATTESTATION, "unknown", "unknown"),
    ],
)


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """Run the program as a build does, with an AWS CLI that answers from a scenario."""
    folder = tmp_path / "bin"
    folder.mkdir()
    executable = folder / "aws"
    executable.write_text(FAKE_AWS.format(python=sys.executable))
    executable.chmod(0o755)

    def build(
        *replies: Any, images: Any = SINGLE, environ: dict[str, str] | None = None, **settings: Any
    ) -> SimpleNamespace:
        scenario = {f"batch-get-image {DIGEST}": [images]}
        if isinstance(replies[0], dict) and any(key.startswith("sha256:") for key in replies[0]):
            scenario |= {f"describe-image-scan-findings {k}": v for k, v in replies[0].items()}
        else:
            scenario[f"describe-image-scan-findings {DIGEST}"] = list(replies)
        (folder / "scenario.json").write_text(json.dumps(scenario))
        done = subprocess.run(
            [sys.executable, "-SE", PROGRAM],
            cwd=tmp_path,
            env={
                "PATH": str(folder),
                "SCAN_GATE": json.dumps({"poll_interval": 0.01, "max_wait": 30, **settings}),
                "REPOSITORY_URI": URI,
                "IMAGE_DIGEST": DIGEST,
                **(environ or {}),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stderr == ""
        artifact = tmp_path / settings.get("artifact", "scan-findings.json")
        log = folder / "calls"
        return SimpleNamespace(
            status=done.returncode,
            output=done.stdout,
            verdict=done.stdout.splitlines()[-1],
            artifact=json.loads(artifact.read_text()) if artifact.exists() else None,
            calls=log.read_text().splitlines() if log.exists() else [],
        )

    return build


Build = Callable[..., SimpleNamespace]


def test_low_findings_pass_and_the_cli_is_asked_by_digest(build: Build) -> None:
    done = build(scan(basic("CVE-2026-0001", "LOW")))
    assert done.status == 0
    assert done.verdict == "Scan gate: PASSED with 1 finding (LOW 1), none of which blocks."
    accepted = " ".join([*scan_gate.INDEXES, *scan_gate.MANIFESTS])
    image = f"imageDigest={DIGEST}"
    resolve, describe = done.calls
    assert resolve == (
        f"ecr batch-get-image {NAMED} --image-ids {image} --accepted-media-types {accepted} "
        "--output json"
    )
    assert describe == (
        f"ecr describe-image-scan-findings {NAMED} --image-id {image} --no-paginate --output json"
    )
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
    assert [c.rpartition("--no-paginate ")[2] for c in done.calls[1:4]] == [
        "--output json",
        "--next-token one --output json",
        "--next-token two --output json",
    ]


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
    assert not any("start-image-scan" in call for call in done.calls)


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
        *("FAILED", "UNSUPPORTED_IMAGE", "SCAN_ELIGIBILITY_EXPIRED", "FINDINGS_UNAVAILABLE"),
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
        ("<html>busy</html>", "no JSON"),
        ("", "no JSON"),
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
        (manifest(manifests=[entry(ATTESTATION, "unknown", "unknown")]), "no image that can run"),
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
    assert not any(ATTESTATION in call for call in done.calls)
    assert not any(DIGEST in call for call in done.calls[1:])


def test_an_image_that_calls_itself_an_attestation_is_judged(build: Build) -> None:
    marked = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    done = build(
        {AMD64: [scan(basic("CVE-1", "HIGH"))]},
        images=manifest(manifests=[entry(AMD64, "linux", "amd64", **marked)]),
    )
    assert done.status == 1


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
    assert not set("\x1b\r\x00\u202e\u2028") & set(done.output)
    assert len(done.output.splitlines()) == 7
    assert max(map(len, done.output.splitlines())) < 500
    assert "\x1b" not in json.dumps(done.artifact, ensure_ascii=False)


def test_letters_outside_of_the_locale_do_not_stop_the_gate(build: Build) -> None:
    done = build(
        scan(basic("CVE-2026-0001", "HIGH", uri="https://example.com/\u00e9")),
        environ={"PYTHONIOENCODING": "ascii", "LC_ALL": "POSIX"},
    )
    assert done.status == 1


def test_a_long_table_is_cut_and_says_so(build: Build) -> None:
    done = build(scan(*(basic(f"CVE-2026-{n:05}", "HIGH") for n in range(1203))))
    assert done.output.count("https://example.com/") == 200
    assert "... and 1003 more" in done.output
    assert len(done.artifact["blocking"]) == 1203


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"SCAN_GATE": ""}, "SCAN_GATE is not as documented"),
        ({"SCAN_GATE": "[]"}, "SCAN_GATE is not as documented"),
        ({"SCAN_GATE": '{"mode": "off"}'}, "SCAN_GATE is not as documented"),
        ({"SCAN_GATE": '{"threshold": "NONE"}'}, "threshold must be one of CRITICAL, HIGH"),
        ({"SCAN_GATE": '{"fixable_only": "no"}'}, "must be true or false"),
        ({"SCAN_GATE": '{"max_wait": Infinity}'}, "out of range"),
        ({"SCAN_GATE": '{"allow": [{"id": "CVE-1", "reason": "", "expires": "soon"}]}'}, "soon"),
        ({"REPOSITORY_URI": "example.com/my-app"}, "REPOSITORY_URI is not"),
        ({"IMAGE_DIGEST": ""}, "IMAGE_DIGEST is not a digest"),
        ({"IMAGE_DIGEST": "sha256:--help"}, "IMAGE_DIGEST is not a digest"),
        ({"PATH": "/nowhere"}, "the AWS CLI cannot be run"),
    ],
)
def test_what_the_build_lacks_is_said(build: Build, environ: dict[str, str], said: str) -> None:
    done = build(scan(), environ=environ)
    assert done.status == 2
    assert said in done.verdict
    assert done.calls == []


def test_findings_that_came_with_the_source_do_not_stay(build: Build, tmp_path: Path) -> None:
    (tmp_path / "scan-findings.json").write_text("{}")
    assert build(scan(status="FAILED")).artifact is None


def test_findings_that_cannot_be_written_fail(build: Build, tmp_path: Path) -> None:
    done = build(scan(), artifact="no/such/folder.json")
    assert done.status == 2
    assert "cannot be written" in done.verdict


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds


def run(answer: Callable[..., Any], clock: Clock, **settings: Any) -> int:
    environ = {"SCAN_GATE": json.dumps(settings), "REPOSITORY_URI": URI, "IMAGE_DIGEST": DIGEST}
    status: int = scan_gate.gate(
        environ, aws=answer, today=lambda: TODAY, now=clock.now, sleep=clock.sleep
    )
    return status


@pytest.mark.parametrize("state", ["IN_PROGRESS", "PENDING"])
def test_a_scan_that_never_ends_is_given_up(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, state: str
) -> None:
    clock = Clock()

    def answer(command: str, *_: str) -> Any:
        return SINGLE if command == "batch-get-image" else waiting(state)

    assert run(answer, clock, max_wait=60, artifact=str(tmp_path / "findings.json")) == 2
    assert sum(clock.sleeps) == 60
    assert clock.sleeps[:3] == [2, 3, 4.5]
    assert max(clock.sleeps) == 10
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Waiting up to 60 s for ECR's scan of {DIGEST}"
    assert 2 <= sum("Still waiting" in line for line in lines) <= 4
    assert f"no result within 60 s: the scan's status is {state}" in lines[-1]


def test_a_scan_said_to_be_done_without_a_trace_of_it_is_no_result(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    empty = {"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {"findings": []}}

    def answer(command: str, *_: str) -> Any:
        return SINGLE if command == "batch-get-image" else empty

    assert run(answer, Clock(), max_wait=60, artifact=str(tmp_path / "findings.json")) == 2
    assert "neither findings nor a time" in capsys.readouterr().out


@pytest.mark.parametrize(
    "failure", [error("ScanNotFoundException"), error("ThrottlingException", "Rate exceeded")]
)
def test_what_lasts_is_given_up_through_the_real_call(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    failure: dict[str, str],
) -> None:
    def command(*_: object, **__: object) -> Any:
        return SimpleNamespace(returncode=254, stdout="", stderr=failure["error"])

    monkeypatch.setattr(scan_gate.subprocess, "run", command)
    clock = Clock()
    assert run(scan_gate.aws, clock, max_wait=60, artifact=str(tmp_path / "findings.json")) == 2
    assert sum(clock.sleeps) == 60
    assert "no result within 60 s" in capsys.readouterr().out


def test_a_call_that_hangs_is_given_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def command(arguments: list[str], **options: Any) -> Any:
        raise subprocess.TimeoutExpired(arguments, options["timeout"])

    monkeypatch.setattr(scan_gate.subprocess, "run", command)
    assert run(scan_gate.aws, Clock(), max_wait=1, artifact=str(tmp_path / "f.json")) == 2
    assert "gave no answer" in capsys.readouterr().out


@pytest.mark.parametrize(("expires", "blocks"), [("2026-06-15", 0), ("2026-06-14", 1)])
def test_an_entry_holds_through_its_last_day(expires: str, blocks: int) -> None:
    allow = [{"id": "CVE-1", "reason": "r", "expires": expires}]
    settings = scan_gate.parse_settings(json.dumps({"allow": allow}))
    findings = scan_gate.parse_findings(
        {"findings": [basic("CVE-1", "HIGH")]}, scan_gate.Image(DIGEST, "")
    )
    assert len(scan_gate.judge(findings, settings, TODAY).blocking) == blocks


def test_an_index_in_an_index_is_looked_through() -> None:
    nested = manifest(manifests=[{"mediaType": OCI_INDEX, "digest": AMD64}])
    answers = {DIGEST: nested, AMD64: manifest(manifests=[entry(ARM64, "linux", "arm64")])}

    def answer(*arguments: str) -> Any:
        return next(answers[d] for d in answers if f"imageDigest={d}" in arguments)

    repository = scan_gate.parse_repository(URI)
    images = scan_gate.read_images(answer, repository, scan_gate.Image(DIGEST, ""))
    assert images == [scan_gate.Image(ARM64, "linux/arm64")]


@pytest.mark.parametrize(
    ("uri", "region"),
    [
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/a", "cn-north-1"),
        ("111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a", "us-gov-west-1"),
        ("111122223333.dkr-ecr.eu-west-1.on.aws/a", "eu-west-1"),
    ],
)
def test_registries_of_all_partitions_are_understood(uri: str, region: str) -> None:
    assert scan_gate.parse_repository(uri) == scan_gate.Repository("111122223333", region, "a")


def test_the_program_needs_no_more_than_python_3_9() -> None:
    tree = ast.parse(PROGRAM.read_text(), feature_version=(3, 9))
    imported = {
        n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names
    }
    assert imported <= sys.stdlib_module_names


@pytest.fixture
def ecr() -> Iterator[SimpleNamespace]:
    """An ECR endpoint with three pages of enhanced findings."""
    asked: list[tuple[str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((operation, request))
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
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", asked=asked)
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_real_cli_brings_all_pages(ecr: SimpleNamespace, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, PROGRAM],
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": ecr.url,
            "AWS_ACCESS_KEY_ID": "example",
            "AWS_SECRET_ACCESS_KEY": "example",
            "SCAN_GATE": '{"poll_interval": 0.01}',
            "REPOSITORY_URI": URI,
            "IMAGE_DIGEST": DIGEST,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BLOCKED by 1 finding (CRITICAL 1)" in done.stdout
    named = {"registryId": "111122223333", "repositoryName": "team/my-app"}
    assert ecr.asked[0][1].items() >= named.items()
    assert ecr.asked[0][1]["imageIds"] == [{"imageDigest": DIGEST}]
    pages = [request for operation, request in ecr.asked if operation != "BatchGetImage"]
    assert [page.get("nextToken") for page in pages] == [None, "1", "2"] * 2
    assert all(page["imageId"] == {"imageDigest": DIGEST} for page in pages)
