import datetime as dt
import json
from typing import Any

import aws_cdk as cdk
import pytest

from container_pipelines.build.scan_gate import AllowedFinding, ScanGate, ScanGateMode, Severity

DAY = dt.date(2027, 1, 31)


def allowed(**options: Any) -> AllowedFinding:
    return AllowedFinding(
        **{"id": "CVE-2026-12345", "reason": "not reachable", "expires": DAY, **options}
    )


def test_the_defaults_block_from_high_up_and_wait_ten_minutes() -> None:
    assert json.loads(ScanGate().settings()) == {
        "threshold": "HIGH",
        "fixable_only": False,
        "allow": [],
        "max_wait": 600,
        "mode": "enforce",
    }


def test_every_option_reaches_the_program() -> None:
    gate = ScanGate(
        severity=Severity.MEDIUM,
        fixable_only=True,
        allow=[allowed()],
        max_wait=cdk.Duration.hours(1),
        mode=ScanGateMode.REPORT,
    )
    assert json.loads(gate.settings()) == {
        "threshold": "MEDIUM",
        "fixable_only": True,
        "allow": [{"id": "CVE-2026-12345", "reason": "not reachable", "expires": "2027-01-31"}],
        "max_wait": 3600,
        "mode": "report",
    }


def test_settings_are_the_same_bytes_whatever_the_order() -> None:
    entries = [allowed(id=f"CVE-2026-1000{n}") for n in range(3)]
    assert ScanGate(allow=entries).settings() == ScanGate(allow=entries[::-1]).settings()


def test_a_list_changed_later_does_not_change_the_gate() -> None:
    entries = [allowed()]
    gate = ScanGate(allow=entries)
    entries.clear()
    assert "CVE-2026-12345" in gate.settings()


def test_an_expired_entry_synthesizes_since_the_build_judges_it() -> None:
    assert "2020-01-01" in ScanGate(allow=[allowed(expires=dt.date(2020, 1, 1))]).settings()


@pytest.mark.parametrize(
    "finding", ["CVE-2026-1234", "GHSA-jfh8-c2jp-5v3q", "ALAS2-2026-1704", "RHSA-2026:0001"]
)
def test_ids_of_all_sources_are_taken(finding: str) -> None:
    assert allowed(id=finding).id == finding


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"id": ""}, "'allowed_finding.id' must be 1 to 128 characters: the ID of one finding"),
        ({"id": "CVE-2026"}, "got 'CVE-2026'"),
        ({"id": "cve-2026-12"}, "'allowed_finding.id'"),
        ({"id": "CVE-2026-*"}, "'allowed_finding.id'"),
        ({"id": "openssl"}, "'allowed_finding.id'"),
        ({"id": "CVE-2026-12345,CVE-2026-12346"}, "'allowed_finding.id'"),
        ({"id": cdk.Token.as_string({"Ref": "Id"})}, "'allowed_finding.id' must be known"),
        ({"reason": ""}, "'allowed_finding.reason' must be .* says why"),
        ({"reason": "  "}, "'allowed_finding.reason'"),
        ({"reason": "a\nb"}, "'allowed_finding.reason'"),
        ({"reason": cdk.Token.as_string({"Ref": "Why"})}, "must be known at synthesis"),
        (
            {"expires": "2027-01-31"},
            "'allowed_finding.expires' .* write date.fromisoformat\\('2027-01-31'\\)",
        ),
        ({"expires": dt.datetime(2027, 1, 31, tzinfo=dt.UTC)}, "'allowed_finding.expires'"),
    ],
)
def test_a_bad_allowance_is_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        allowed(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"severity": "BAD"}, "'scan_gate.severity' must be one of Severity.CRITICAL, .*omit"),
        ({"mode": "off"}, "'scan_gate.mode' must be one of ScanGateMode.ENFORCE, "),
        ({"max_wait": cdk.Duration.seconds(59)}, "'scan_gate.max_wait' must be from 1 minute to"),
        ({"max_wait": cdk.Duration.minutes(61)}, "got 1 hour 1 minute; omit it to wait 10 minutes"),
        (
            {"max_wait": cdk.Duration.minutes(cdk.Token.as_number({"Ref": "Wait"}))},
            "'scan_gate.max_wait' must be known at synthesis",
        ),
        (
            {"allow": [allowed(), allowed(id="cve-2026-12345")]},
            "'scan_gate.allow' must name each finding once, got 'CVE-2026-12345'",
        ),
        (
            {"allow": [allowed(id=f"CVE-2026-1000{n}", reason="x" * 490) for n in range(9)]},
            "'scan_gate.allow' must fit into 4000 characters .* shorten the reasons",
        ),
    ],
)
def test_a_bad_gate_is_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ScanGate(**options)
