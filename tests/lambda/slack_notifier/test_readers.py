"""What readers make of single fields of events, beside the golden messages."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from slack_notifier.commits import commit_of_action
from slack_notifier.event import moment
from slack_notifier.event_readers import notice_of
from slack_notifier.notice import Outcome
from slack_notifier.records import Record


@pytest.mark.parametrize(
    ("state", "outcome", "words"),
    [
        ("STARTED", Outcome.STARTED, "Release started"),
        ("RESUMED", Outcome.STARTED, "Release resumed"),
        ("SUCCEEDED", Outcome.SUCCEEDED, "Release succeeded"),
        ("FAILED", Outcome.FAILED, "Release failed"),
        ("CANCELED", Outcome.STOPPED, "Release cancelled"),
        ("STOPPING", Outcome.STOPPED, "Release is being stopped"),
        ("STOPPED", Outcome.STOPPED, "Release stopped"),
        ("SUPERSEDED", Outcome.STOPPED, "Release superseded by a newer release"),
        ("ABANDONED", Outcome.STOPPED, "Release abandoned"),
    ],
)
def test_every_state_of_a_pipeline(
    event: Callable[[str], Any], state: str, outcome: Outcome, words: str
) -> None:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html"""
    changed = event("pipeline-superseded")
    changed["detail"]["state"] = state
    notice = notice_of(Record(id="1", event=changed))
    assert (notice.outcome, notice.title) == (outcome, words)


@pytest.mark.parametrize(
    ("code", "outcome", "title"),
    [
        ("TaskFailedToStart", Outcome.FAILED, "Task failed to start"),
        ("EssentialContainerExited", Outcome.FAILED, "Task stopped"),
        ("ServiceSchedulerInitiated", Outcome.STOPPED, "Task stopped"),
        ("UserInitiated", Outcome.STOPPED, "Task stopped"),
    ],
)
def test_the_stop_code_of_a_task_says_whether_something_is_wrong(
    event: Callable[[str], Any], code: str, outcome: Outcome, title: str
) -> None:
    changed = event("ecs-task-cannot-pull")
    changed["detail"] |= {"stopCode": code, "stoppedReason": "Stopped", "containers": []}
    notice = notice_of(Record(id="1", event=changed))
    assert (notice.outcome, notice.title) == (outcome, title)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-20T10:09:43Z", datetime(2026, 11, 20, 10, 9, 43, tzinfo=UTC)),
        ("2026-11-20T11:09:43+01:00", datetime(2026, 11, 20, 10, 9, 43, tzinfo=UTC)),
        ("2026-11-20T10:09:43", datetime(2026, 11, 20, 10, 9, 43, tzinfo=UTC)),
        # As alarms write it.
        ("2026-11-20T10:09:43.250+0000", datetime(2026, 11, 20, 10, 9, 43, 250000, tzinfo=UTC)),
        # So many digits are none that Python reads as a date of ISO 8601.
        ("2026-11-20T10:09:43.2+0000", datetime(2026, 11, 20, 10, 9, 43, 200000, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (1700000000, None),
        (None, None),
    ],
)
def test_times_of_events(written: object, meant: datetime | None) -> None:
    assert moment(written) == meant


def test_a_source_without_variables_has_the_commit_in_its_result() -> None:
    """Sources of before the variables, and those with a namespace that nobody filled."""
    commit = commit_of_action(
        {
            "input": {"actionTypeId": {"category": "Source"}},
            "output": {
                "executionResult": {
                    "externalExecutionId": "8e0c6fb80e09",
                    "externalExecutionSummary": "Faster start",
                }
            },
        }
    )
    assert commit is not None
    assert (commit.id, commit.message) == ("8e0c6fb80e09", "Faster start")
    assert commit_of_action({"input": {"actionTypeId": {"category": "Source"}}}) is None
