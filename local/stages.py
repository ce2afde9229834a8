"""The stages of a pipeline execution, as a person follows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from types_boto3_codepipeline import CodePipelineClient
    from types_boto3_codepipeline.type_defs import (
        ActionExecutionDetailTypeDef,
        RuleExecutionDetailTypeDef,
    )

    _Run: TypeAlias = ActionExecutionDetailTypeDef | RuleExecutionDetailTypeDef


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A stage of a pipeline execution.

    Attributes
    ----------
    name
        The stage's name.
    status
        Its status, as CodePipeline names it; empty before it begins.
    reason
        Why it failed, with the end of the log of a build that failed; empty otherwise.
    seconds
        How long its actions have taken so far.
    """

    name: str
    status: str
    reason: str
    seconds: float


def stages_of(
    client: CodePipelineClient,
    pipeline: str,
    execution: str,
    *,
    end_of_log: Callable[[str], str],
) -> list[Stage]:
    """Return the stages of an execution that have begun.

    Parameters
    ----------
    client
        The client of CodePipeline.
    pipeline
        The pipeline's name.
    execution
        The execution's id.
    end_of_log
        Gives the end of a build's log, by the build's id.

    Returns
    -------
    list of Stage
        The stages, in the order in which they began.
    """
    # First their status: of a stage that has ended every reason is then there to read.
    now = {
        state["stageName"]: latest["status"]
        for state in client.get_pipeline_state(name=pipeline)["stageStates"]
        if (latest := state.get("latestExecution")) and latest["pipelineExecutionId"] == execution
    }
    actions = client.list_action_executions(
        pipelineName=pipeline, filter={"pipelineExecutionId": execution}
    )
    rules = client.list_rule_executions(
        pipelineName=pipeline, filter={"pipelineExecutionId": execution}
    )
    found: list[_Run] = [*actions["actionExecutionDetails"], *rules["ruleExecutionDetails"]]
    runs = sorted(found, key=lambda run: run["startTime"])
    return [
        _stage(name, [run for run in runs if run["stageName"] == name], now.get(name), end_of_log)
        for name in dict.fromkeys(run["stageName"] for run in runs)
    ]


def _stage(
    name: str,
    runs: Sequence[_Run],
    now: str | None,
    end_of_log: Callable[[str], str],
) -> Stage:
    # What was retried counts as it ended in the last attempt.
    last = {run.get("actionName", run.get("ruleName")): run for run in runs}.values()
    status = now or next((r["status"] for r in last if r["status"] != "Succeeded"), "Succeeded")
    reasons = [] if status == "InProgress" else [_reason(run, end_of_log) for run in last]
    took = max(run["lastUpdateTime"] for run in runs) - min(run["startTime"] for run in runs)
    return Stage(
        name=name,
        status=status,
        reason="\n".join(filter(None, reasons)),
        seconds=took.total_seconds(),
    )


def _reason(run: _Run, end_of_log: Callable[[str], str]) -> str:
    result: Mapping[str, Any] = run.get("output", {}).get("executionResult", {})
    reason: str = result.get("errorDetails", {}).get("message", "")
    made_by: Mapping[str, Any] = run.get("input", {})
    of_build = made_by.get("actionTypeId", {}).get("provider") == "CodeBuild"
    if reason and of_build and (build := result.get("externalExecutionId")):
        return "\n".join(filter(None, (reason, end_of_log(build))))
    return reason
