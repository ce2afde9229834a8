"""The walk of an execution through its pipeline."""

import itertools
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.emulator import scope
from local.emulator.clients import Clients
from local.emulator.pipelines import events
from local.emulator.pipelines.action import (
    ActionAbandoned,
    ActionError,
    Invocation,
    Providers,
    action_type,
)
from local.emulator.pipelines.artifacts import Artifacts
from local.emulator.pipelines.executions import ActionExecution, Execution, action_executions
from local.emulator.pipelines.stages import Entry, StageGates, StageKey
from local.emulator.pipelines.variables import UndefinedVariableError, fill_in
from local.emulator.service import store

_log = logging.getLogger(__name__)

# pipeline/stage -> why the transition into it is disabled
disabled_transitions = store()


@dataclass(slots=True)
class _Control:
    """The reins of a running execution."""

    stopping: threading.Event = field(default_factory=threading.Event)
    abandoned: threading.Event = field(default_factory=threading.Event)
    summary: str = ""


class Engine:
    """Runs executions, each in a thread of its own.

    Parameters
    ----------
    clients
        Clients of the emulator.
    providers
        Who does the work of actions.
    """

    def __init__(self, clients: Clients, providers: Providers) -> None:
        self._clients = clients
        self._providers = providers
        self._gates = StageGates()
        self._controls: dict[str, _Control] = {}
        # Whoever stops an execution must not undo its end.
        self._ending = threading.Lock()

    def start(self, execution: Execution) -> None:
        """Run a new execution."""
        self._controls[execution.id] = _Control()
        events.pipeline_changed(execution.record, "InProgress")
        scope.in_background(f"pipeline-{execution.id}", self._run, execution, 0, None)

    def retry(self, execution: Execution, stage_name: str, *, only_failed: bool) -> None:
        """Run an execution on from a stage in which it failed."""
        record = execution.record
        execution.update(status="InProgress", attempt=record["attempt"] + 1)
        self._controls[execution.id] = _Control()
        names = [stage["name"] for stage in execution.pipeline["stages"]]
        first = names.index(stage_name)
        done = _succeeded_actions(execution, stage_name) if only_failed else None
        events.pipeline_changed(execution.record, "Resumed")
        scope.in_background(f"pipeline-{execution.id}", self._run, execution, first, done)

    def stop(self, execution: Execution, *, abandon: bool, summary: str) -> bool:
        """Stop an execution after the actions that run, or at once.

        Returns
        -------
        bool
            Whether it ran at all.
        """
        with self._ending:
            control = self._controls.get(execution.id)
            if control is None:
                return False
            control.summary = summary
            execution.update(status="Stopping")
        events.pipeline_changed(execution.record, "Stopping")
        control.stopping.set()
        if abandon:
            control.abandoned.set()
        self._gates.look_again()
        return True

    def look_again(self) -> None:
        """Take notice of transitions that were enabled."""
        self._gates.look_again()

    def waiting(self, pipeline: str, stage: str) -> tuple[str, ...]:
        """Return the executions that wait for a stage."""
        return self._gates.waiting(_key(pipeline, stage))

    def _run(self, execution: Execution, first: int, done: frozenset[str] | None) -> None:
        control = self._controls[execution.id]
        try:
            status = self._walk(execution, first, done, control)
        except Exception as error:
            _log.exception("Execution %s broke", execution.id)
            status, control.summary = "Failed", f"Internal error: {error!r}"
        with self._ending:
            del self._controls[execution.id]
            execution.finish(status, control.summary)

    def _walk(
        self, execution: Execution, first: int, done: frozenset[str] | None, control: _Control
    ) -> str:
        pipeline = execution.pipeline
        for stage in pipeline["stages"][first:]:
            key = _key(pipeline["name"], stage["name"])
            entry = self._gates.enter(
                key,
                execution.id,
                pipeline["executionMode"],
                is_open=lambda name=stage["name"]: (  # type: ignore[misc]
                    f"{pipeline['name']}/{name}" not in disabled_transitions
                ),
                is_stopped=control.stopping.is_set,
            )
            if entry is not Entry.ENTERED:
                return "Superseded" if entry is Entry.SUPERSEDED else "Stopped"
            try:
                status = self._run_stage(execution, stage, done or frozenset(), control)
            finally:
                self._gates.leave(key, execution.id)
            if status != "Succeeded":
                return status
            done = None
        return "Succeeded"

    def _run_stage(
        self,
        execution: Execution,
        stage: Mapping[str, Any],
        done: frozenset[str],
        control: _Control,
    ) -> str:
        execution.enter(stage["name"])
        ordered = sorted(stage["actions"], key=lambda action: action["runOrder"])
        for _, group in itertools.groupby(ordered, key=lambda action: action["runOrder"]):
            if control.stopping.is_set():
                execution.enter(stage["name"], "Stopped")
                return "Stopped"
            actions = [action for action in group if action["name"] not in done]
            ended = self._run_in_parallel(execution, stage, actions, control)
            if "Failed" in ended:
                execution.enter(stage["name"], "Failed")
                return "Failed"
        if control.abandoned.is_set():
            execution.enter(stage["name"], "Stopped")
            return "Stopped"
        execution.enter(stage["name"], "Succeeded")
        return "Succeeded"

    def _run_in_parallel(
        self,
        execution: Execution,
        stage: Mapping[str, Any],
        actions: Sequence[Mapping[str, Any]],
        control: _Control,
    ) -> list[str]:
        ended: list[str] = []
        here = scope.current()

        def run(action: Mapping[str, Any]) -> None:
            ended.append(self._run_action(execution, stage, action, control))

        threads = [
            threading.Thread(target=here.run, args=(run, action), daemon=True)
            for action in actions[1:]
        ]
        for thread in threads:
            thread.start()
        for action in actions[:1]:
            run(action)
        for thread in threads:
            thread.join()
        return ended

    def _run_action(
        self,
        execution: Execution,
        stage: Mapping[str, Any],
        action: Mapping[str, Any],
        control: _Control,
    ) -> str:
        artifacts = Artifacts(self._clients, execution.pipeline)
        inputs = {
            given["name"]: execution.locate(given["name"]) for given in action["inputArtifacts"]
        }
        outputs = {out["name"]: artifacts.new(out["name"]) for out in action["outputArtifacts"]}
        running = ActionExecution(execution, stage, action, inputs, outputs)
        try:
            configuration = fill_in(action["configuration"], execution.record["namespaces"])
            running.resolve(configuration)
            outcome = self._providers[action_type(action)].run(
                Invocation(
                    pipeline=execution.pipeline["name"],
                    execution_id=execution.id,
                    action_execution_id=running.id,
                    stage=stage["name"],
                    action=action["name"],
                    timeout_minutes=action.get("timeoutInMinutes"),
                    configuration=configuration,
                    inputs=inputs,
                    outputs=outputs,
                    artifacts=artifacts,
                    revision=execution.record["revisions"].get(action["name"]),
                    commit=execution.commit,
                    stop=control.abandoned,
                    report=running.report,
                )
            )
        except ActionAbandoned:
            running.abandon()
            return "Abandoned"
        except UndefinedVariableError as error:
            running.fail("ConfigurationError", str(error))
            return "Failed"
        except ActionError as error:
            running.fail(error.code, str(error))
            return "Failed"
        except Exception as error:
            # A defect of ours must not look like a pipeline that never ends.
            _log.exception("Action %s broke", action["name"])
            running.fail("SystemUnavailable", f"Internal error: {error!r}")
            return "Failed"
        revision = None
        if outcome.revision:
            revision = {
                "name": action["outputArtifacts"][0]["name"],
                "revisionId": outcome.revision,
                "revisionSummary": outcome.revision_summary,
                "actionName": action["name"],
            }
        execution.take_outcome(action, outputs, outcome.variables, revision)
        running.succeed(outcome.variables)
        return "Succeeded"


def _succeeded_actions(execution: Execution, stage_name: str) -> frozenset[str]:
    return frozenset(
        record["actionName"]
        for record in action_executions.values()
        if record["pipelineExecutionId"] == execution.id
        and record["stageName"] == stage_name
        and record["status"] == "Succeeded"
    )


def _key(pipeline: str, stage: str) -> StageKey:
    here = scope.current()
    return here.account, here.region, pipeline, stage
