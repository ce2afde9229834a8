"""A recorded month of one pipeline, and the metrics that come of it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slack_notifier.history import broken_since

MONTH = json.loads((Path(__file__).parent / "month.json").read_text())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


class Pipeline:
    """CodePipeline's side of the recording: what it answers when asked at an event's time."""

    def __init__(self) -> None:
        self.executions: dict[str, dict[str, Any]] = {}

    def take(self, event: dict[str, Any]) -> None:
        detail = event["detail"]
        words = {"STARTED": "InProgress", "RESUMED": "InProgress"}
        self.executions[detail["execution-id"]] = {
            "pipelineExecutionId": detail["execution-id"],
            "status": words.get(detail["state"], detail["state"].capitalize()),
            "startTime": at(detail["start-time"]),
            "lastUpdateTime": at(event["time"]),
        }

    def answers(self) -> dict[str, Any]:
        return {
            "codepipeline.ListPipelineExecutions": lambda _: {
                "pipelineExecutionSummaries": sorted(
                    self.executions.values(), key=lambda one: one["startTime"], reverse=True
                )[:100]
            },
            "codepipeline.ListActionExecutions": lambda asked: {
                "actionExecutionDetails": self._actions(asked["filter"]["pipelineExecutionId"])
            },
        }

    def _actions(self, execution: str) -> list[dict[str, Any]]:
        source = {
            "status": "Succeeded",
            "input": {
                "actionTypeId": {
                    "category": "Source",
                    "owner": "AWS",
                    "provider": "CodeCommit",
                    "version": "1",
                }
            },
            "output": {
                "outputVariables": {
                    "CommitId": "a" * 40,
                    "AuthorDate": MONTH["commits"][execution],
                }
            },
        }
        failed = [
            {"status": "Failed", "lastUpdateTime": at(time)}
            for one, time in MONTH["retried"].items()
            if one == execution
        ]
        return [*failed, source]


def measured(out: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in out.splitlines()]
    return [line for line in lines if "_aws" in line]


@pytest.fixture
def metrics(new_notifier: Callable[..., Any], capsys: Any) -> list[dict[str, Any]]:
    pipeline = Pipeline()
    call = new_notifier(pipeline.answers(), SERVICE_NAME="Shop")
    for event in MONTH["events"]:
        pipeline.take(event)
        call(event)
    return measured(capsys.readouterr().out)


def test_the_month(metrics: list[dict[str, Any]]) -> None:
    """Computed forwards, event by event; the function looks backwards instead."""
    expected, broken = [], None
    seen = set()
    for event in MONTH["events"]:
        detail, now = event["detail"], at(event["time"])
        if event["id"] in seen or detail["state"] not in ("SUCCEEDED", "FAILED"):
            continue
        seen.add(event["id"])
        failed = detail["state"] == "FAILED"
        values = {
            "Releases": 1,
            "ReleasesFailed": int(failed),
            "ReleaseDuration": (now - at(detail["start-time"])).total_seconds(),
        }
        if failed:
            broken = broken or now
        else:
            commit = at(MONTH["commits"][detail["execution-id"]])
            values["LeadTime"] = (now - commit).total_seconds()
            if broken:
                values["TimeToRestore"] = (now - broken).total_seconds()
            broken = None
        expected.append(values)
    names = ("Releases", "ReleasesFailed", "ReleaseDuration", "LeadTime", "TimeToRestore")
    assert [{name: one[name] for name in names if name in one} for one in metrics] == expected


def test_the_months_figures(metrics: list[dict[str, Any]]) -> None:
    """The four figures of DORA, as a dashboard adds them up."""
    releases = sum(one["Releases"] for one in metrics)
    failed = sum(one["ReleasesFailed"] for one in metrics)
    lead = sorted(one["LeadTime"] for one in metrics if "LeadTime" in one)
    restore = [one["TimeToRestore"] for one in metrics if "TimeToRestore" in one]
    assert (releases, failed, len(lead), len(restore)) == (70, 20, 50, 14)
    assert round(failed / releases, 3) == 0.286
    assert lead[len(lead) // 2] == 13_215
    assert round(sum(restore) / len(restore)) == 40_695


def test_the_embedded_metric_format(metrics: list[dict[str, Any]]) -> None:
    assert len(metrics) == 70
    for line in metrics:
        [directive] = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "ContainerPipelines"
        assert directive["Dimensions"] == [["Service", "Pipeline"]]
        assert (line["Service"], line["Pipeline"]) == ("Shop", "shop")
        for metric in directive["Metrics"]:
            assert isinstance(line[metric["Name"]], int | float)
            assert metric["Unit"] in ("Count", "Seconds")
        # CloudWatch takes milliseconds, of the last two weeks: the event's time, not today's.
        assert datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC).year == 2026


def test_metrics_do_not_wait_for_slack_and_are_not_counted_again_on_a_retry(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any, capsys: Any
) -> None:
    slack.behave = lambda path, body: "404 no_service"
    call = new_notifier()
    for _ in range(3):
        with pytest.raises(Exception, match="no_service"):
            call(event("pipeline-failed"))
    assert len(measured(capsys.readouterr().out)) == 1


@pytest.mark.parametrize("name", ["stage-failed", "action-failed", "pipeline-superseded", "alarm"])
def test_only_the_end_of_a_release_is_measured(
    name: str, event: Callable[[str], Any], new_notifier: Callable[..., Any], capsys: Any
) -> None:
    new_notifier()(event(name))
    assert measured(capsys.readouterr().out) == []


def test_clocks_that_disagree_give_no_negative_times(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], capsys: Any
) -> None:
    late = event("pipeline-failed")
    late["detail"]["start-time"] = "2027-01-01T00:00:00Z"
    new_notifier()(late)
    [line] = measured(capsys.readouterr().out)
    assert "ReleaseDuration" not in line


def summary(name: str, status: str, minute: int) -> dict[str, Any]:
    time = datetime(2026, 10, 1, 12, minute, tzinfo=UTC)
    return {"pipelineExecutionId": name, "status": status, "lastUpdateTime": time}


@pytest.mark.parametrize(
    ("executions", "minute"),
    [
        ([("d", "Succeeded", 9), ("c", "Failed", 8), ("b", "Failed", 7), ("a", "Succeeded", 1)], 7),
        ([("d", "Succeeded", 9), ("c", "Stopped", 8), ("b", "Failed", 7)], 7),
        ([("e", "Failed", 10), ("d", "Succeeded", 9), ("c", "Succeeded", 8)], None),
        ([("d", "Succeeded", 9)], None),
        ([("c", "Failed", 8)], None),
        ([], None),
    ],
)
def test_since_when_it_was_broken(
    executions: list[tuple[str, str, int]], minute: int | None
) -> None:
    found = broken_since([summary(*one) for one in executions], "d")
    assert (found.minute if found else None) == minute
