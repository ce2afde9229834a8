"""The events that CodePipeline sends to EventBridge.

https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
has no event for a stage that is skipped, none for conditions and rules, and nothing in an event
that tells a rollback but its trigger; neither is there here.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from local.emulator.events import emit
from local.emulator.scope import arn, current

# The states have other names in events than in the API.
_STATES = {
    "InProgress": "STARTED",
    "Resumed": "RESUMED",
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
    detail = _common(execution, execution["startTime"]) | {"state": _STATES[status]}
    if trigger := _trigger(execution, status):
        detail["execution-trigger"] = trigger
    if status == "Stopping" and execution.get("stopTrigger"):
        detail["stop-execution-comments"] = execution["stopTrigger"]["reason"]
    _emit("CodePipeline Pipeline Execution State Change", detail)


def stage_changed(execution: Mapping[str, Any], stage: str, status: str) -> None:
    """Tell that a stage has a new state; ``Resumed`` when it is retried."""
    if status not in _STATES:
        return
    detail = _common(execution, execution["stages"][stage]["startTime"])
    if retried := execution.get("lastRetry"):
        detail["stage-last-retry-attempt-time"] = _time(retried)
    _emit(
        "CodePipeline Stage Execution State Change",
        detail | {"stage": stage, "state": _STATES[status]},
    )


def action_changed(execution: Mapping[str, Any], action: Mapping[str, Any]) -> None:
    """Tell that an action has a new state."""
    kind = action["input"]["actionTypeId"]
    detail = _common(execution, action["startTime"]) | {
        "stage": action["stageName"],
        "action": action["actionName"],
        "action-execution-id": action["actionExecutionId"],
        "state": _STATES[action["status"]],
        "region": action["input"].get("region", current().region),
        "type": {key: kind[key] for key in ("owner", "provider", "category", "version")},
        "pipeline-execution-attempt": float(action["attempt"]),
    }
    if inputs := action["input"]["inputArtifacts"]:
        detail["input-artifacts"] = inputs
    if outputs := action["output"]["outputArtifacts"]:
        detail["output-artifacts"] = outputs
    if result := _result(action["output"]["executionResult"]):
        detail["execution-result"] = result
    _emit("CodePipeline Action Execution State Change", detail)


def _trigger(execution: Mapping[str, Any], status: str) -> dict[str, str]:
    trigger = execution["trigger"]
    shown: dict[str, str] = {}
    if status == "InProgress":
        shown = {
            "trigger-type": trigger["triggerType"],
            "trigger-detail": trigger["triggerDetail"],
        }
    # AWS tells what was pushed once it is known, which a failed source stage keeps it from.
    if status == "InProgress" or (
        status in {"Succeeded", "Failed"} and execution["artifactRevisions"]
    ):
        shown |= execution.get("git", {})
    return shown


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


def _common(execution: Mapping[str, Any], started: float) -> dict[str, Any]:
    return {
        "pipeline": execution["pipelineName"],
        "execution-id": execution["pipelineExecutionId"],
        "start-time": _time(started),
        "version": float(execution["pipelineVersion"]),
        "pipeline-execution-attempt": float(execution["attempt"]),
    }


def _time(moment: float) -> str:
    spelled = dt.datetime.fromtimestamp(moment, dt.UTC).isoformat(timespec="milliseconds")
    return spelled.replace("+00:00", "Z")


def _emit(detail_type: str, detail: Mapping[str, Any]) -> None:
    emit("aws.codepipeline", detail_type, detail, [arn("codepipeline", detail["pipeline"])])
