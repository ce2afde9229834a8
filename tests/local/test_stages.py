"""The stages of an execution that goes on while they are asked for."""

import datetime as dt
from typing import Any

from local.stages import stages_of

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Pipeline:
    """A client of a pipeline whose build runs, and fails before the third question is asked."""

    def __init__(self, *runs: str, ends_with_request: int = 3, provider: str = "Invoke") -> None:
        self.provider = provider
        self.runs = [*runs]
        self.status = "InProgress"
        self._left = ends_with_request

    def _ask(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.status = self.runs[-1] = "Failed"

    def get_pipeline_state(self, name: str) -> Any:
        self._ask()
        latest = {"pipelineExecutionId": "e", "status": self.status}
        return {"stageStates": [{"stageName": "Build", "latestExecution": latest}]}

    def list_action_executions(self, **_: Any) -> Any:
        self._ask()
        return {
            "actionExecutionDetails": [
                {
                    "stageName": "Build",
                    "actionName": "Build",
                    "status": status,
                    "startTime": START + dt.timedelta(minutes=number),
                    "lastUpdateTime": START + dt.timedelta(minutes=number, seconds=30),
                    "input": {"actionTypeId": {"provider": self.provider}},
                    "output": {
                        "executionResult": {
                            "errorDetails": {"message": f"no {number}"},
                            "externalExecutionId": f"shop:{number}",
                        }
                    }
                    if status == "Failed"
                    else {},
                }
                for number, status in enumerate(self.runs, start=1)
            ]
        }

    def list_rule_executions(self, **_: Any) -> Any:
        self._ask()
        return {"ruleExecutionDetails": []}


def reported(pipeline: Pipeline) -> list[tuple[str, str]]:
    client: Any = pipeline
    found = stages_of(client, "shop", "e", end_of_log=lambda build: f"log of {build}")
    return [(stage.status, stage.reason) for stage in found]


def test_a_stage_that_fails_between_two_requests_is_never_failed_without_its_reason() -> None:
    for question in (1, 2, 3):
        found = reported(Pipeline("InProgress", ends_with_request=question))
        assert found == [("Failed", "no 1") if question == 1 else ("InProgress", "")]


def test_of_a_stage_that_runs_again_the_reason_is_that_of_the_last_run() -> None:
    assert reported(Pipeline("Failed", "InProgress", ends_with_request=9)) == [("InProgress", "")]
    assert reported(Pipeline("Failed", "InProgress", ends_with_request=1)) == [("Failed", "no 2")]


def test_of_a_build_the_end_of_the_log_is_reported_too() -> None:
    found = reported(Pipeline("InProgress", ends_with_request=1, provider="CodeBuild"))
    assert found == [("Failed", "no 1\nlog of shop:1")]
