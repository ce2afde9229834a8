"""The records of rules that were run, and of the conditions that they make up."""

import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from local.emulator.builds.run import Location
from local.emulator.pipelines.executions import Execution, artifact_details
from local.emulator.service import store

rule_executions = store()
# pipeline/stage -> kind of condition -> how it stands in the latest execution of the stage
condition_states = store()

_changing = threading.Lock()


class RuleExecution:
    """One run of a rule.

    Parameters
    ----------
    execution
        What it is part of.
    stage, rule
        Their declarations.
    inputs
        Where its artifacts are.
    """

    def __init__(
        self,
        execution: Execution,
        stage: Mapping[str, Any],
        rule: Mapping[str, Any],
        inputs: Mapping[str, Location],
    ) -> None:
        self.id = str(uuid.uuid4())
        now = time.time()
        rule_executions[self.id] = {
            "pipelineExecutionId": execution.id,
            "ruleExecutionId": self.id,
            "pipelineVersion": execution.record["pipelineVersion"],
            "stageName": stage["name"],
            "ruleName": rule["name"],
            "startTime": now,
            "lastUpdateTime": now,
            "status": "InProgress",
            "input": {
                "ruleTypeId": rule["ruleTypeId"],
                "configuration": rule["configuration"],
                "resolvedConfiguration": {},
                "inputArtifacts": artifact_details(inputs),
                **{key: rule[key] for key in ("roleArn", "region") if key in rule},
            },
            "output": {"executionResult": {}},
        }

    def resolve(self, configuration: Mapping[str, str]) -> None:
        """Record the configuration with its variables filled in."""
        shown = {**self._record["input"], "resolvedConfiguration": dict(configuration)}
        self._update(input=shown)

    def report(self, **result: Any) -> None:
        """Record what is known of its result."""
        known = self._record["output"]["executionResult"]
        self._update(output={"executionResult": {**known, **result}})

    def end(self, status: str) -> None:
        """Record that it succeeded or was given up."""
        self._update(status=status)

    def fail(self, code: str, message: str) -> None:
        """Record that it failed."""
        self.report(errorDetails={"code": code, "message": message})
        self._update(status="Failed")

    @property
    def status(self) -> str:
        """How it stands."""
        return str(self._record["status"])

    @property
    def message(self) -> str:
        """Why it failed; empty otherwise."""
        details = self._record["output"]["executionResult"].get("errorDetails", {})
        return str(details.get("message", ""))

    @property
    def _record(self) -> dict[str, Any]:
        record: dict[str, Any] = rule_executions[self.id]
        return record

    def _update(self, **changes: Any) -> None:
        rule_executions[self.id] = {**self._record, **changes, "lastUpdateTime": time.time()}


def rules_of(execution_ids: set[str]) -> list[dict[str, Any]]:
    """Return the rule executions of some executions, newest first."""
    found = [
        record
        for record in rule_executions.values()
        if record["pipelineExecutionId"] in execution_ids
    ]
    return sorted(found, key=lambda record: -record["startTime"])


def set_condition(
    execution: Execution,
    stage: str,
    kind: str,
    status: str,
    *,
    summary: str = "",
    rules: Mapping[str, str] | None = None,
) -> None:
    """Record how a condition stands.

    Parameters
    ----------
    execution
        Which evaluates it.
    stage
        Of which.
    kind
        ``beforeEntry``, ``onSuccess`` or ``onFailure``.
    status
        AWS's word.
    summary
        Why.
    rules
        Rule name -> id of its run, as the evaluation begins; it forgets what was before.
    """
    key = f"{execution.record['pipelineName']}/{stage}"
    with _changing:
        states = condition_states.get(key, {})
        before = states.get(kind, {})
        condition_states[key] = {
            **states,
            kind: {
                "pipelineExecutionId": execution.id,
                "status": status,
                "summary": summary,
                "lastStatusChange": time.time(),
                "rules": dict(rules if rules is not None else before.get("rules", {})),
            },
        }


def condition(execution: Execution, stage: str, kind: str) -> str | None:
    """Return how a condition stands in an execution; None where it was not evaluated."""
    state = condition_states.get(f"{execution.record['pipelineName']}/{stage}", {}).get(kind)
    if state is None or state["pipelineExecutionId"] != execution.id:
        return None
    return str(state["status"])


def forget_conditions(execution: Execution, stage: str) -> None:
    """Make a stage show no condition until one is evaluated."""
    condition_states.pop(f"{execution.record['pipelineName']}/{stage}", None)
