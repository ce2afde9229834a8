"""Scenarios in their order, what follows from a failure, and the cleaning up in any case."""

import os
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

from acceptance import course, remains
from acceptance.cdk import CdkError
from acceptance.errors import NotAnswerableError, UnexpectedError
from acceptance.names import Names
from acceptance.progress import Progress
from acceptance.questions import Question
from acceptance.remains import Remaining
from acceptance.report import AS_EXPECTED, DIFFERENT, NOT_RUN, Report
from acceptance.run import Run
from acceptance.scenarios import Scenario
from tests.acceptance.fakes import FakeAws, refused

LEFT = Remaining("bucket", "logs", "aws s3 rb --force s3://logs", "not empty")


@pytest.fixture
def run(names: Names, progress: Progress) -> Run:
    aws: Any = FakeAws()
    cdk: Any = None
    return Run(aws, names, cdk, progress)


@pytest.fixture
def report(names: Names) -> Report:
    return Report(names, "111122223333", "eu-central-1", is_aws=False)


@pytest.fixture
def cleaned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that have been cleaned up after; there is nothing to clean."""
    runs: list[str] = []

    def clean(_: object, names: Names, __: object) -> list[Remaining]:
        runs.append(names.run)
        return []

    monkeypatch.setattr(remains, "clean", clean)
    return runs


def scenario(name: str, play: Callable[[Run], str] = lambda _: "fine") -> Scenario:
    return Scenario(name, f"{name} is done", f"{name} is expected", play)


def raises(error: BaseException) -> Callable[[Run], str]:
    def play(_: Run) -> str:
        raise error

    return play


def take(run: Run, report: Report, *scenarios: Scenario, **options: Any) -> None:
    course.take(
        run, report, scenarios=scenarios, **{"questions": (), "last": scenario("end"), **options}
    )


def outcomes(report: Report) -> list[tuple[str, str]]:
    return [(row.name, row.outcome) for row in report.rows]


@pytest.mark.usefixtures("cleaned")
def test_a_run_that_goes_as_expected_is_accepted(run: Run, report: Report, said: list[str]) -> None:
    questions = (Question("Why?", lambda _: "because"),)
    take(run, report, scenario("first"), scenario("second"), questions=questions)
    assert outcomes(report) == [(name, AS_EXPECTED) for name in ("first", "second", "end")]
    assert report.answers == {"Why?": "seen: because"}
    assert report.is_accepted
    assert said[0] == "… 1 of 3: first"
    assert "✓ second: fine" in said


@pytest.mark.parametrize(
    "error",
    [UnexpectedError("other"), CdkError("failed"), refused("AccessDenied")],
    ids=["seen", "cdk", "api"],
)
def test_one_scenario_that_fails_keeps_no_other_from_being_played(
    run: Run, report: Report, cleaned: list[str], error: Exception
) -> None:
    take(run, report, scenario("first"), scenario("second", raises(error)), scenario("third"))
    assert outcomes(report) == [
        ("first", AS_EXPECTED),
        ("second", DIFFERENT),
        ("third", AS_EXPECTED),
        ("end", AS_EXPECTED),
    ]
    assert report.rows[1].seen == str(error)
    assert not report.is_accepted
    assert cleaned == [run.names.run]


def test_without_the_first_deployment_nothing_is_played_or_asked(
    run: Run, report: Report, cleaned: list[str]
) -> None:
    asked = Question("Why?", raises(AssertionError("asked")))
    first = scenario("first", raises(CdkError("no quota")))
    take(run, report, first, scenario("second"), questions=(asked,))
    assert outcomes(report) == [("first", DIFFERENT), ("second", NOT_RUN), ("end", NOT_RUN)]
    assert report.answers == {}
    assert cleaned == [run.names.run]


@pytest.mark.usefixtures("cleaned")
@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (NotAnswerableError("no data"), "not answerable here: no data"),
        (NotAnswerableError("needs a person: do it"), "needs a person: do it"),
        (UnexpectedError("too late"), "not answerable here: too late"),
        (refused("AccessDenied", "not you"), "not answerable here: .*not you.*"),
    ],
)
def test_what_cannot_be_answered_says_why(
    run: Run, report: Report, error: Exception, answer: str
) -> None:
    questions = (Question("One?", raises(error)), Question("Two?", lambda _: "yes"))
    take(run, report, scenario("first"), questions=questions)
    assert re.fullmatch(answer, report.answers["One?"])
    assert report.answers["Two?"] == "seen: yes"
    assert report.is_accepted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_is_played_and_everything_is_cleaned_up(
    run: Run, report: Report, cleaned: list[str], number: signal.Signals
) -> None:
    before = signal.getsignal(number)

    def play(_: Run) -> str:
        os.kill(os.getpid(), number)
        return "it went on"

    take(run, report, scenario("first", play), scenario("second"))
    assert outcomes(report) == [(name, NOT_RUN) for name in ("first", "second", "end")]
    assert report.interrupted == f"interrupted by {number.name}"
    assert not report.is_accepted
    assert cleaned == [run.names.run]
    assert signal.getsignal(number) is before


def test_a_signal_does_not_end_the_cleaning_up(
    run: Run, report: Report, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def clean(*_: object) -> list[Remaining]:
        os.kill(os.getpid(), signal.SIGINT)
        return [LEFT]

    monkeypatch.setattr(remains, "clean", clean)
    take(run, report, scenario("first"))
    assert report.remaining == [LEFT]
    assert not report.is_accepted
    assert any(line.startswith("SIGINT: everything is being deleted") for line in said)


def test_an_error_of_the_run_itself_is_cleaned_up_after_and_raised(
    run: Run, report: Report, cleaned: list[str]
) -> None:
    with pytest.raises(KeyError):
        take(run, report, scenario("first", raises(KeyError("bug"))))
    assert "an error of the run itself, KeyError" in report.interrupted
    assert cleaned == [run.names.run]


def test_tearing_down_keeps_images_and_pointers_and_no_stack(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    destroyed: list[bool] = []

    class Cdk:
        def destroy(self) -> None:
            destroyed.append(True)

    cdk: Any = Cdk()
    run.cdk = cdk
    kept: list[Remaining] = []
    monkeypatch.setattr(remains, "find", lambda *_: kept)
    for service in run.names.services:
        kept.append(Remaining("ECR repository", service, ""))
        pointer = run.names.pointer(service)
        names = (pointer, f"{pointer}-previous", f"{pointer}-drift")
        kept += [Remaining("parameter", name, "") for name in names]
    # Of a question; it is on its way out.
    kept.append(Remaining("stack", f"{run.names.asking}-ok", ""))
    seen = course.tear_down(run)
    assert seen.startswith("no stack is left; 3 image repositories and 6 parameters with images")
    assert destroyed == [True]
    kept.append(Remaining("stack", run.names.platform, ""))
    with pytest.raises(UnexpectedError, match=f"cdk destroy has left {run.names.platform}$"):
        course.tear_down(run)
    del kept[-1], kept[0]
    with pytest.raises(UnexpectedError, match="only 2 image repositories"):
        course.tear_down(run)
