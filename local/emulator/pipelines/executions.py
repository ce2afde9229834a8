"""The records of executions and of the actions in them."""

import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from local.emulator.builds.run import Location
from local.emulator.pipelines import events
from local.emulator.service import store

executions = store()
action_executions = store()
stage_executions = store()

FINAL = frozenset({"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"})

# Records are replaced, never changed: a request that reads one meanwhile sees either. Actions that
# run in parallel replace the same record.
_changing = threading.RLock()


class Execution:
    """One execution of a pipeline.

    Parameters
    ----------
    execution_id
        Of an execution in the store.
    """

    def __init__(self, execution_id: str) -> None:
        self.id = execution_id

    @classmethod
    def new(
        cls,
        pipeline: Mapping[str, Any],
        trigger: Mapping[str, str],
        variables: Mapping[str, str],
        revisions: Mapping[str, str],
    ) -> "Execution":
        """Begin the record of an execution.

        Parameters
        ----------
        pipeline
            The declaration that it follows, whatever becomes of the pipeline meanwhile.
        trigger
            Type and detail of what started it.
        variables
            The values of the pipeline's variables.
        revisions
            Source action -> commit that it has to take.
        """
        execution_id = str(uuid.uuid4())
        now = time.time()
        executions[execution_id] = {
            "pipelineName": pipeline["name"],
            "pipelineVersion": pipeline["version"],
            "pipelineExecutionId": execution_id,
            "status": "InProgress",
            "executionMode": pipeline["executionMode"],
            "executionType": "STANDARD",
            "trigger": dict(trigger),
            "variables": [
                {"name": name, "resolvedValue": value} for name, value in variables.items()
            ],
            "artifactRevisions": [],
            "startTime": now,
            "lastUpdateTime": now,
            "declaration": dict(pipeline),
            "revisions": dict(revisions),
            "attempt": 1,
            "artifacts": {},
            "namespaces": {
                "codepipeline": {"PipelineExecutionId": execution_id},
                "variables": dict(variables),
            },
        }
        return cls(execution_id)

    @property
    def record(self) -> dict[str, Any]:
        """The record as it is now."""
        record: dict[str, Any] = executions[self.id]
        return record

    @property
    def pipeline(self) -> dict[str, Any]:
        """The declaration that the execution follows."""
        declaration: dict[str, Any] = self.record["declaration"]
        return declaration

    @property
    def commit(self) -> str:
        """The commit that the execution works on: that of its first source action."""
        revisions = self.record["artifactRevisions"]
        return str(revisions[0]["revisionId"]) if revisions else ""

    def update(self, **changes: Any) -> None:
        """Change fields of the record."""
        with _changing:
            executions[self.id] = {**self.record, **changes, "lastUpdateTime": time.time()}

    def finish(self, status: str, summary: str = "") -> None:
        """Record how it ended."""
        self.update(status=status, **({"statusSummary": summary} if summary else {}))
        events.pipeline_changed(self.record, status)

    def locate(self, artifact: str) -> Location:
        """Return where an artifact of this execution is."""
        bucket, key = self.record["artifacts"][artifact]
        return Location(bucket, key)

    def take_outcome(
        self,
        action: Mapping[str, Any],
        outputs: Mapping[str, Location],
        variables: Mapping[str, str],
        revision: dict[str, Any] | None,
    ) -> None:
        """Record what an action gives to those after it."""
        with _changing:
            record = self.record
            namespaces = record["namespaces"]
            if "namespace" in action:
                namespaces = {**namespaces, action["namespace"]: dict(variables)}
            given = {name: [place.bucket, place.key] for name, place in outputs.items()}
            self.update(
                namespaces=namespaces,
                artifacts={**record["artifacts"], **given},
                artifactRevisions=[*record["artifactRevisions"], *([revision] if revision else ())],
            )

    def enter(self, stage: str, status: str = "InProgress") -> None:
        """Record the execution's state in a stage."""
        stage_executions[f"{self.record['pipelineName']}/{stage}"] = {
            "pipelineExecutionId": self.id,
            "status": status,
            "type": "STANDARD",
        }
        events.stage_changed(self.record, stage, status)


class ActionExecution:
    """One run of an action.

    Parameters
    ----------
    execution
        What it is part of.
    stage, action
        Their declarations.
    inputs, outputs
        Where its artifacts are.
    """

    def __init__(
        self,
        execution: Execution,
        stage: Mapping[str, Any],
        action: Mapping[str, Any],
        inputs: Mapping[str, Location],
        outputs: Mapping[str, Location],
    ) -> None:
        self.id = str(uuid.uuid4())
        self._execution = execution
        now = time.time()
        action_executions[self.id] = {
            "pipelineExecutionId": execution.id,
            "actionExecutionId": self.id,
            "pipelineVersion": execution.record["pipelineVersion"],
            "stageName": stage["name"],
            "actionName": action["name"],
            "startTime": now,
            "lastUpdateTime": now,
            "status": "InProgress",
            "input": {
                "actionTypeId": action["actionTypeId"],
                "configuration": action["configuration"],
                "resolvedConfiguration": {},
                "inputArtifacts": _artifacts(inputs),
                **{key: action[key] for key in ("roleArn", "region", "namespace") if key in action},
            },
            "output": {
                "outputArtifacts": [],
                "executionResult": {},
                "outputVariables": {},
            },
            "attempt": execution.record["attempt"],
        }
        self._outputs = outputs
        self._emit()

    @property
    def record(self) -> dict[str, Any]:
        """The record as it is now."""
        record: dict[str, Any] = action_executions[self.id]
        return record

    def resolve(self, configuration: Mapping[str, str]) -> None:
        """Record the configuration with its variables filled in."""
        self._update(input={**self.record["input"], "resolvedConfiguration": dict(configuration)})

    def report(self, **result: str) -> None:
        """Record what is known of its result; ``token`` is the open approval's."""
        if (token := result.pop("token", None)) is not None:
            self._update(token=token)
        output = self.record["output"]
        self._update(output={**output, "executionResult": {**output["executionResult"], **result}})

    def succeed(self, variables: Mapping[str, str]) -> None:
        """Record that it succeeded."""
        output = self.record["output"]
        self._update(
            status="Succeeded",
            output={
                **output,
                "outputArtifacts": _artifacts(self._outputs),
                "outputVariables": dict(variables),
            },
        )
        self._emit()

    def fail(self, code: str, message: str) -> None:
        """Record that it failed."""
        output = self.record["output"]
        details = {"code": code, "message": message}
        result = {**output["executionResult"], "errorDetails": details}
        self._update(status="Failed", output={**output, "executionResult": result})
        self._emit()

    def abandon(self) -> None:
        """Record that it was given up."""
        self._update(status="Abandoned")
        self._emit()

    def _update(self, **changes: Any) -> None:
        action_executions[self.id] = {**self.record, **changes, "lastUpdateTime": time.time()}

    def _emit(self) -> None:
        events.action_changed(self._execution.record, self.record)


def of_pipeline(name: str) -> list[dict[str, Any]]:
    """Return the executions of a pipeline, newest first."""
    found = [record for record in executions.values() if record["pipelineName"] == name]
    return sorted(found, key=lambda record: -record["startTime"])


def actions_of(execution_ids: set[str]) -> list[dict[str, Any]]:
    """Return the action executions of some executions, newest first."""
    found = [
        record
        for record in action_executions.values()
        if record["pipelineExecutionId"] in execution_ids
    ]
    return sorted(found, key=lambda record: -record["startTime"])


def give_up_running() -> None:
    """End the executions of an earlier process: nobody works on them any more."""
    summary = "The emulator was restarted while this execution ran."
    for (account, region, key), record in list(executions.all_items()):
        if record["status"] not in FINAL:
            ended = {**record, "status": "Stopped", "statusSummary": summary}
            executions.set_scoped(account, region, key, ended)
    for records, status in ((action_executions, "Abandoned"), (stage_executions, "Stopped")):
        for (account, region, key), record in list(records.all_items()):
            if record["status"] == "InProgress":
                records.set_scoped(account, region, key, {**record, "status": status})


def _artifacts(places: Mapping[str, Location]) -> list[dict[str, Any]]:
    return [
        {"name": name, "s3location": {"bucket": place.bucket, "key": place.key}}
        for name, place in places.items()
    ]
