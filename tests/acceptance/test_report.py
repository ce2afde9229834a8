"""The table that people paste into an issue."""

from acceptance.names import Names
from acceptance.remains import Remaining
from acceptance.report import AS_EXPECTED, DIFFERENT, Report, Row, versions_in_use

VERSIONS = {"checkout": "abc1234", "CDK CLI": "2.1"}


def test_the_report_is_a_table_with_place_versions_and_duration(names: Names) -> None:
    report = Report(names, "111122223333", "eu-central-1", is_aws=True, seconds=4000)
    report.rows.append(Row("release", "a commit", "a | b", "one\n  two", AS_EXPECTED, 61))
    report.answers["Why?"] = "seen: because"
    text = report.markdown(VERSIONS)
    assert "Seen of **AWS**, eu-central-1, account 11…33, " in text
    assert "66 min 40 s; checkout abc1234, CDK CLI 2.1" in text
    assert r"| release | a commit | a \| b | one two | as expected | 1 min 1 s |" in text
    assert "| question | answer of AWS |\n|---|---|\n| Why? | seen: because |" in text
    assert "Nothing is left of the run." in text
    assert "111122223333" not in text


def test_an_emulators_answers_are_said_to_be_its_own(names: Names) -> None:
    report = Report(names, "111122223333", "eu-central-1", is_aws=False)
    report.answers["Why?"] = "seen: because"
    text = report.markdown(VERSIONS)
    assert "Seen of **an emulator, not AWS**" in text
    assert "| question | answer of an emulator, not AWS |" in text


def test_what_is_left_is_listed_with_its_command(names: Names) -> None:
    report = Report(names, "111122223333", "eu-central-1", is_aws=True)
    report.remaining = [Remaining("bucket", "logs", "aws s3 rb --force s3://logs", "not empty")]
    report.interrupted = "interrupted by SIGINT"
    text = report.markdown(VERSIONS)
    assert "**Not finished:** interrupted by SIGINT" in text
    assert "make acceptance-clean RUN=0a1b2c" in text
    assert "| bucket logs | not empty | `aws s3 rb --force s3://logs` |" in text


def test_a_run_is_accepted_only_whole(names: Names) -> None:
    report = Report(names, "111122223333", "eu-central-1", is_aws=True)
    assert not report.is_accepted
    report.rows.append(Row("release", "", "", "", AS_EXPECTED))
    assert report.is_accepted
    report.rows.append(Row("bad image", "", "", "", DIFFERENT))
    assert not report.is_accepted


def test_the_versions_are_those_of_the_checkout() -> None:
    assert set(versions_in_use()) == {"checkout", "CDK CLI", "aws-cdk-lib", "boto3", "Python"}
