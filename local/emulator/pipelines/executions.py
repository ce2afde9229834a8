"""The records of executions and of the actions in them."""

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from local.emulator.builds.run import Location
from local.emulator.pipelines import events
from local.emulator.pipelines.action import Revision
from local.emulator.service import store

executions = store()
action_executions = store()
stage_executions = store()

FINAL = frozenset({"Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"})

_STATE_ONLY = frozenset({"token", "percentComplete", "lastUpdatedBy"})

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
        revisions: Mapping[str, Revision],
        git: Mapping[str, str] | None = None,
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
            Source action -> what it has to take.
        git
            What events tell of the push or pull request that started it.
        """
        execution_id = str(uuid.uuid4())
        return cls._begin(
            pipeline,
            execution_id,
            trigger=dict(trigger),
            executionType="STANDARD",
            variables=[{"name": name, "resolvedValue": value} for name, value in variables.items()],
            artifactRevisions=[],
            revisions={name: asdict(revision) for name, revision in revisions.items()},
            artifacts={},
            namespaces={
                "codepipeline": {"PipelineExecutionId": execution_id},
                "variables": dict(variables),
            },
            **({"git": dict(git)} if git else {}),
        )

    @classmethod
    def rollback(
        cls,
        pipeline: Mapping[str, Any],
        target: "Execution",
        trigger: Mapping[str, str],
    ) -> "Execution":
        """Begin the record of a rollback, with artifacts and variables of its target."""
        execution_id = str(uuid.uuid4())
        kept = ("variables", "artifactRevisions", "revisions", "artifacts")
        return cls._begin(
            pipeline,
            execution_id,
            trigger=dict(trigger),
            executionType="ROLLBACK",
            rollbackMetadata={"rollbackTargetPipelineExecutionId": target.id},
            namespaces={
                **target.record["namespaces"],
                "codepipeline": {"PipelineExecutionId": execution_id},
            },
            **{key: target.record[key] for key in kept},
        )

    @classmethod
    def _begin(cls, pipeline: Mapping[str, Any], execution_id: str, **own: Any) -> "Execution":
        now = time.time()
        executions[execution_id] = {
            "pipelineName": pipeline["name"],
            "pipelineVersion": pipeline["version"],
            "pipelineExecutionId": execution_id,
            "status": "InProgress",
            "executionMode": pipeline["executionMode"],
            "startTime": now,
            "lastUpdateTime": now,
            "declaration": dict(pipeline),
            "attempt": 1,
            "stages": {},
            "retries": {},
            **own,
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
            revisions = record["artifactRevisions"]
            if revision:
                others = [each for each in revisions if each["name"] != revision["name"]]
                revisions = [*others, revision]
            self.update(
                namespaces=namespaces,
                artifacts={**record["artifacts"], **given},
                artifactRevisions=revisions,
            )

    def revision(self, action: str) -> Revision | None:
        """Return what a source action has to take; None for the newest."""
        wanted = self.record["revisions"].get(action)
        return Revision(**wanted) if wanted else None

    @property
    def is_rollback(self) -> bool:
        """Whether it runs a stage once more as an earlier execution ran it."""
        return bool(self.record["executionType"] == "ROLLBACK")

    def enter(self, stage: str, *, retried: bool = False) -> None:
        """Record that it is in a stage from now on."""
        with _changing:
            started = {"status": "InProgress", "startTime": time.time()}
            self.update(stages={**self.record["stages"], stage: started})
            self._show(stage, "InProgress", "Resumed" if retried else "InProgress")

    def leave(self, stage: str, status: str) -> None:
        """Record how it ended in a stage."""
        with _changing:
            stages = self.record["stages"]
            self.update(stages={**stages, stage: {**stages[stage], "status": status}})
            self._show(stage, status, status)

    def stopping(self, summary: str) -> None:
        """Record that somebody has asked it to stop."""
        with _changing:
            self.update(status="Stopping", stopTrigger={"reason": summary})
            events.pipeline_changed(self.record, "Stopping")
            for stage, run in self.record["stages"].items():
                if run["status"] == "InProgress":
                    self.leave(stage, "Stopping")

    def count_retry(self, stage: str, *, automatic: bool) -> None:
        """Count one more attempt at a stage.

        It is what https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_RetryStageMetadata.html
        shows.
        """
        kind, trigger = (
            ("autoStageRetryAttempt", "AutomatedStageRetry")
            if automatic
            else ("manualStageRetryAttempt", "ManualStageRetry")
        )
        with _changing:
            record = self.record
            known = record["retries"].get(stage, {})
            counted = {**known, kind: known.get(kind, 0) + 1, "latestRetryTrigger": trigger}
            self.update(
                attempt=record["attempt"] + 1,
                retries={**record["retries"], stage: counted},
                lastRetry=time.time(),
            )

    def was_retried_automatically(self, stage: str) -> bool:
        """Return whether the one automatic retry of a stage is used up."""
        return "autoStageRetryAttempt" in self.record["retries"].get(stage, {})

    def succeeded_actions(self, stage: str) -> frozenset[str]:
        """Return the actions of a stage whose latest run succeeded."""
        return self._actions(stage, "Succeeded")

    def failed_actions(self, stage: str) -> frozenset[str]:
        """Return the actions of a stage whose latest run failed."""
        return self._actions(stage, "Failed")

    def _actions(self, stage: str, status: str) -> frozenset[str]:
        latest = {
            run["actionName"]: run["status"]
            for run in reversed(actions_of({self.id}))
            if run["stageName"] == stage
        }
        return frozenset(name for name, found in latest.items() if found == status)

    def _show(self, stage: str, status: str, reported: str) -> None:
        record = self.record
        stage_executions[f"{record['pipelineName']}/{stage}"] = {
            "pipelineExecutionId": self.id,
            "status": status,
            "type": record["executionType"],
        }
        events.stage_changed(record, stage, reported)


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
                "inputArtifacts": artifact_details(inputs),
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

    def report(self, **result: Any) -> None:
        """Record what is known of its result, and what only the state shows."""
        for key in _STATE_ONLY & result.keys():
            self._update(**{key: result.pop(key)})
        output = self.record["output"]
        self._update(output={**output, "executionResult": {**output["executionResult"], **result}})

    def succeed(self, variables: Mapping[str, str]) -> None:
        """Record that it succeeded."""
        output = self.record["output"]
        self._update(
            status="Succeeded",
            output={
                **output,
                "outputArtifacts": artifact_details(self._outputs),
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


def artifact_details(places: Mapping[str, Location]) -> list[dict[str, Any]]:
    """Return artifacts as the API lists them."""
    return [
        {"name": name, "s3location": {"bucket": place.bucket, "key": place.key}}
        for name, place in places.items()
    ]
