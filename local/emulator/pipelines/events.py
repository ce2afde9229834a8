"""The events that CodePipeline sends to EventBridge."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from local.emulator.events import emit
from local.emulator.scope import arn, current

# The states have other names in events than in the API.
_STATES = {
    "InProgress": "STARTED",
    "Succeeded": "SUCCEEDED",
    "Failed": "FAILED",
    "Stopping": "STOPPING",
    "Stopped": "STOPPED",
    "Superseded": "SUPERSEDED",
    "Cancelled": "CANCELED",
    "Abandoned": "ABANDONED",
}


def pipeline_changed(execution: Mapping[str, Any], status: str) -> None:
    """Tell that an execution has a new state; ``Resumed`` for one that is retried."""
    state = "RESUMED" if status == "Resumed" else _STATES[status]
    detail = _common(execution) | {"state": state}
    if state == "STARTED":
        trigger = execution["trigger"]
        detail["execution-trigger"] = {
            "trigger-type": trigger["triggerType"],
            "trigger-detail": trigger["triggerDetail"],
        }
    _emit("CodePipeline Pipeline Execution State Change", detail)


def stage_changed(execution: Mapping[str, Any], stage: str, status: str) -> None:
    """Tell that a stage has a new state."""
    state = "RESUMED" if status == "Resumed" else _STATES[status]
    _emit(
        "CodePipeline Stage Execution State Change",
        _common(execution) | {"stage": stage, "state": state},
    )


def action_changed(execution: Mapping[str, Any], action: Mapping[str, Any]) -> None:
    """Tell that an action has a new state."""
    kind = action["input"]["actionTypeId"]
    detail = _common(execution) | {
        "stage": action["stageName"],
        "action": action["actionName"],
        "action-execution-id": action["actionExecutionId"],
        "state": _STATES[action["status"]],
        "region": action["input"].get("region", current().region),
        "type": {key: kind[key] for key in ("owner", "provider", "category", "version")},
    }
    if inputs := action["input"]["inputArtifacts"]:
        detail["input-artifacts"] = inputs
    if outputs := action["output"]["outputArtifacts"]:
        detail["output-artifacts"] = outputs
    if result := _result(action["output"]["executionResult"]):
        detail["execution-result"] = result
    _emit("CodePipeline Action Execution State Change", detail)


def _result(result: Mapping[str, Any]) -> dict[str, str]:
    errors = result.get("errorDetails", {})
    shown = {
        "external-execution-id": result.get("externalExecutionId"),
        "external-execution-summary": errors.get("message")
        or result.get("externalExecutionSummary"),
        "external-execution-url": result.get("externalExecutionUrl"),
        "error-code": errors.get("code"),
    }
    return {key: value for key, value in shown.items() if value}


def _common(execution: Mapping[str, Any]) -> dict[str, Any]:
    now = dt.datetime.now(dt.UTC)
    return {
        "pipeline": execution["pipelineName"],
        "execution-id": execution["pipelineExecutionId"],
        "start-time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "version": float(execution["pipelineVersion"]),
        "pipeline-execution-attempt": float(execution["attempt"]),
    }


def _emit(detail_type: str, detail: Mapping[str, Any]) -> None:
    emit("aws.codepipeline", detail_type, detail, [arn("codepipeline", detail["pipeline"])])
