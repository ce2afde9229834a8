"""What GetPipelineState shows: each stage and action as it was last run."""

from collections.abc import Callable, Mapping
from typing import Any

from local.emulator.pipelines.executions import actions_of, of_pipeline, stage_executions


def show(
    pipeline: Mapping[str, Any],
    transitions: Mapping[str, Any],
    waiting: Callable[[str], tuple[str, ...]],
) -> list[dict[str, Any]]:
    """Return the states of all stages.

    Parameters
    ----------
    pipeline
        Its declaration.
    transitions
        The disabled transitions, by ``pipeline/stage``.
    waiting
        Stage name -> executions that wait for it.
    """
    name = pipeline["name"]
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for record in actions_of({each["pipelineExecutionId"] for each in of_pipeline(name)}):
        latest.setdefault((record["stageName"], record["actionName"]), record)
    return [
        {
            "stageName": stage["name"],
            "inboundTransitionState": transitions.get(f"{name}/{stage['name']}", {"enabled": True}),
            "actionStates": [
                _action_state(action, latest.get((stage["name"], action["name"])))
                for action in stage["actions"]
            ],
            **_executions(f"{name}/{stage['name']}", waiting(stage["name"])),
        }
        for stage in pipeline["stages"]
    ]


def _executions(key: str, waiting: tuple[str, ...]) -> dict[str, Any]:
    inbound = [
        {"pipelineExecutionId": execution_id, "status": "InProgress", "type": "STANDARD"}
        for execution_id in waiting
    ]
    shown: dict[str, Any] = {"inboundExecutions": inbound}
    if inbound:
        shown["inboundExecution"] = inbound[-1]
    if key in stage_executions:
        shown["latestExecution"] = stage_executions[key]
    return shown


def _action_state(action: Mapping[str, Any], record: Mapping[str, Any] | None) -> dict[str, Any]:
    state: dict[str, Any] = {"actionName": action["name"]}
    if record is None:
        return state
    result = record["output"]["executionResult"]
    execution = {
        "actionExecutionId": record["actionExecutionId"],
        "status": record["status"],
        "lastStatusChange": record["lastUpdateTime"],
        "summary": result.get("externalExecutionSummary"),
        "externalExecutionId": result.get("externalExecutionId"),
        "externalExecutionUrl": result.get("externalExecutionUrl"),
        "errorDetails": result.get("errorDetails"),
        "token": record.get("token") if record["status"] == "InProgress" else None,
    }
    state["latestExecution"] = {key: value for key, value in execution.items() if value}
    return state
