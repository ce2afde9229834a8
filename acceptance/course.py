"""The course of a run: scenarios, questions, tear-down, and in any case the cleaning up."""

from collections.abc import Sequence
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from acceptance import remains
from acceptance.cdk import CdkError
from acceptance.errors import InterruptedRunError, NotAnswerableError, UnexpectedError
from acceptance.questions import QUESTIONS, Question
from acceptance.report import AS_EXPECTED, DIFFERENT, NOT_RUN, Report, Row
from acceptance.run import Run
from acceptance.scenarios import SCENARIOS, Scenario
from acceptance.signals import interruptible, uninterrupted

_FAILURES: Final = (UnexpectedError, CdkError, ClientError, BotoCoreError)


def tear_down(run: Run) -> str:
    """Destroy the app; say what it keeps, as it promises."""
    run.cdk.destroy()
    kept = remains.find(run.aws, run.names)
    stacks = [one.name for one in kept if one.kind == "stack"]
    # What a question has made may still be on its way out.
    if left := [name for name in stacks if not name.startswith(run.names.asking)]:
        raise UnexpectedError(f"cdk destroy has left {', '.join(left)}")
    names = [one.name for one in kept if one.kind == "parameter"]
    pointers = [name for name in names if name.endswith(("/image", "/image-previous"))]
    repositories = sum(one.kind == "ECR repository" for one in kept)
    seen = f"{repositories} image repositories and {len(pointers)} parameters with images"
    services = len(run.names.services)
    if repositories != services or len(pointers) != 2 * services:
        raise UnexpectedError(f"no stack is left, but only {seen} were kept")
    return f"no stack is left; {seen} were kept, which the run then deletes"


TEAR_DOWN: Final = Scenario(
    "tear-down",
    "`cdk destroy --all`",
    "every stack is deleted; image repositories and pointers are kept",
    tear_down,
)


def take(
    run: Run,
    report: Report,
    *,
    scenarios: Sequence[Scenario] = SCENARIOS,
    questions: Sequence[Question] = QUESTIONS,
    last: Scenario = TEAR_DOWN,
) -> None:
    """Go through a run, and clean up however it ends.

    Parameters
    ----------
    run
        The run.
    report
        Where everything is put down.
    scenarios
        The scenarios, of which all need the first.
    questions
        The questions, which are asked after them.
    last
        The scenario that tears down what the first has deployed.
    """
    begun = run.progress.clock()
    try:
        with interruptible():
            _play_all(run, report, scenarios, questions, last)
    except InterruptedRunError as error:
        report.interrupted = str(error)
        left = [*scenarios, last][len(report.rows) :]
        report.rows += [_not_run(scenario, str(error)) for scenario in left]
        run.progress.say(f"{error}: everything is being deleted")
    except Exception as error:  # an error of the run itself: told below, after the cleaning up
        report.interrupted = f"an error of the run itself, {type(error).__name__}: {error}"
        raise
    finally:
        with uninterrupted(run.progress.say):
            run.progress.begin("cleaning up")
            report.remaining = remains.clean(run.aws, run.names, run.progress)
            report.seconds = run.progress.clock() - begun


def _play_all(
    run: Run,
    report: Report,
    scenarios: Sequence[Scenario],
    questions: Sequence[Question],
    last: Scenario,
) -> None:
    everything = [*scenarios, last]
    for number, scenario in enumerate(scenarios, start=1):
        row = _play(run, scenario, f"{number} of {len(everything)}")
        report.rows.append(row)
        if number == 1 and row.outcome != AS_EXPECTED:
            why = "without the first deployment there is nothing to see"
            report.rows += [_not_run(other, why) for other in everything[1:]]
            return
    for number, question in enumerate(questions, start=1):
        report.answers[question.text] = _ask(run, question, f"{number} of {len(questions)}")
    report.rows.append(_play(run, last, f"{len(everything)} of {len(everything)}"))


def _play(run: Run, scenario: Scenario, place: str) -> Row:
    begun = run.progress.clock()
    run.progress.begin(f"{place}: {scenario.name}")
    try:
        seen, outcome = scenario.play(run), AS_EXPECTED
    except _FAILURES as error:
        seen, outcome = str(error), DIFFERENT
    run.progress.say(f"{'✓' if outcome == AS_EXPECTED else '✗'} {scenario.name}: {seen}")
    took = run.progress.clock() - begun
    return Row(scenario.name, scenario.done, scenario.expected, seen, outcome, took)


def _not_run(scenario: Scenario, why: str) -> Row:
    return Row(scenario.name, scenario.done, scenario.expected, why, NOT_RUN)


def _ask(run: Run, question: Question, place: str) -> str:
    run.progress.begin(f"question {place}")
    try:
        return f"seen: {question.ask(run)}"
    except NotAnswerableError as error:
        why = str(error)
        return why if why.startswith("needs a person") else f"not answerable here: {why}"
    except _FAILURES as error:
        return f"not answerable here: {error}"
