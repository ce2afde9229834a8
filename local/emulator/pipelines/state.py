"""What GetPipelineState shows: each stage, action and condition as it was last run."""

from collections.abc import Callable, Mapping
from typing import Any

from local.emulator.pipelines.conditions import KINDS
from local.emulator.pipelines.executions import (
    actions_of,
    executions,
    of_pipeline,
    stage_executions,
)
from local.emulator.pipelines.rule_executions import condition_states, rule_executions


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
            **_executions(name, stage["name"], waiting(stage["name"])),
            **_conditions(f"{name}/{stage['name']}", stage),
        }
        for stage in pipeline["stages"]
    ]


def _executions(name: str, stage: str, waiting: tuple[str, ...]) -> dict[str, Any]:
    inbound = [
        {"pipelineExecutionId": execution_id, "status": "InProgress", "type": "STANDARD"}
        for execution_id in waiting
    ]
    shown: dict[str, Any] = {"inboundExecutions": inbound}
    if inbound:
        shown["inboundExecution"] = inbound[-1]
    if latest := stage_executions.get(f"{name}/{stage}"):
        shown["latestExecution"] = latest
        record = executions.get(latest["pipelineExecutionId"], {})
        if retries := record.get("retries", {}).get(stage):
            shown["retryStageMetadata"] = retries
    return shown


def _conditions(key: str, stage: Mapping[str, Any]) -> dict[str, Any]:
    states = condition_states.get(key, {})
    return {
        f"{kind}ConditionState": _condition_state(
            stage[kind]["conditions"][0]["rules"], states.get(kind)
        )
        for kind in KINDS
        if stage.get(kind, {}).get("conditions")
    }


def _condition_state(
    rules: list[Mapping[str, Any]], state: Mapping[str, Any] | None
) -> dict[str, Any]:
    if state is None:
        return {"conditionStates": [{"ruleStates": [{"ruleName": each["name"]} for each in rules]}]}
    shown = {"status": state["status"], "summary": state["summary"][:2048] or None}
    latest = {key: value for key, value in shown.items() if value}
    return {
        "latestExecution": latest,
        "conditionStates": [
            {
                "latestExecution": {**latest, "lastStatusChange": state["lastStatusChange"]},
                "ruleStates": [
                    _rule_state(each["name"], state["rules"].get(each["name"])) for each in rules
                ],
            }
        ],
    }


def _rule_state(name: str, rule_execution_id: str | None) -> dict[str, Any]:
    record = rule_executions.get(rule_execution_id)
    if record is None:
        return {"ruleName": name}
    execution = {
        "ruleExecutionId": record["ruleExecutionId"],
        "status": record["status"],
        "lastStatusChange": record["lastUpdateTime"],
        **_result(record["output"]["executionResult"]),
    }
    return {"ruleName": name, "latestExecution": execution}


def _action_state(action: Mapping[str, Any], record: Mapping[str, Any] | None) -> dict[str, Any]:
    state: dict[str, Any] = {"actionName": action["name"]}
    if record is None:
        return state
    is_open = record["status"] == "InProgress"
    configuration = record["input"]["resolvedConfiguration"]
    execution = {
        "actionExecutionId": record["actionExecutionId"],
        "status": record["status"],
        "lastStatusChange": record["lastUpdateTime"],
        # Where a person looks who is to approve; AWS does not say in which members it shows them.
        **({"summary": configuration["CustomData"]} if "CustomData" in configuration else {}),
        **_result(record["output"]["executionResult"]),
        "percentComplete": record.get("percentComplete"),
        "lastUpdatedBy": record.get("lastUpdatedBy"),
        "token": record.get("token") if is_open else None,
    }
    state["latestExecution"] = {key: value for key, value in execution.items() if value}
    if link := configuration.get("ExternalEntityLink"):
        state["entityUrl"] = link
    return state


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        "summary": result.get("externalExecutionSummary"),
        "externalExecutionId": result.get("externalExecutionId"),
        "externalExecutionUrl": result.get("externalExecutionUrl"),
        "errorDetails": result.get("errorDetails"),
    }
    return {key: value for key, value in shown.items() if value}
