"""The walk of an execution through its pipeline."""

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from local.emulator import scope
from local.emulator.clients import Clients
from local.emulator.pipelines import events, rollbacks
from local.emulator.pipelines.action import Providers
from local.emulator.pipelines.conditions import Conditions
from local.emulator.pipelines.control import Control
from local.emulator.pipelines.executions import Execution, of_pipeline
from local.emulator.pipelines.stage_run import Resumption, StageRun
from local.emulator.pipelines.stages import Entry, StageGates, StageKey
from local.emulator.service import store

_log = logging.getLogger(__name__)

# pipeline/stage -> why the transition into it is disabled
disabled_transitions = store()


# How an execution ends; the rollback that this calls for, and the stage that it is of.
_WalkEnd: TypeAlias = tuple[str, tuple[Execution, str] | None]


class StageBusyError(Exception):
    """An execution is in the stage."""


class Engine:
    """Runs executions, each in a thread of its own.

    Parameters
    ----------
    clients
        Clients of the emulator.
    providers
        Who does the work of actions and rules.
    """

    def __init__(self, clients: Clients, providers: Providers) -> None:
        self._conditions = Conditions(clients, providers)
        self._stage_run = StageRun(clients, providers, self._conditions)
        self._gates = StageGates()
        self._controls: dict[str, Control] = {}
        # Whoever stops an execution must not undo its end.
        self._ending = threading.Lock()

    def start(self, execution: Execution) -> None:
        """Run a new execution."""
        events.pipeline_changed(execution.record, "InProgress")
        self._begin(execution, lambda control: self._walk(execution, None, control))

    def retry(self, execution: Execution, stage_name: str, *, only_failed: bool) -> None:
        """Run an execution on from a stage in which it failed."""
        done = execution.succeeded_actions(stage_name) if only_failed else frozenset()
        self._resume(execution, Resumption(stage_name, done))

    def override(self, execution: Execution, stage_name: str, kind: str) -> None:
        """Take a condition for met: while it is evaluated, or after it has failed the stage."""
        if self._conditions.override(execution, stage_name, kind):
            return
        if kind == "beforeEntry":
            resumption = Resumption(stage_name, passed=frozenset({kind}))
        else:
            done = execution.succeeded_actions(stage_name)
            resumption = Resumption(stage_name, done, frozenset({"beforeEntry", kind}))
        self._resume(execution, resumption)

    def roll_back(self, execution: Execution, stage_name: str) -> None:
        """Run a rollback of a stage.

        Raises
        ------
        StageBusyError
            Another execution is in the stage.
        """
        key = _key(execution.pipeline["name"], stage_name)
        if not self._gates.take(key, execution.id):
            raise StageBusyError
        self._start_rollback(execution, stage_name)

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
            execution.stopping(summary)
        control.stopping.set()
        if abandon:
            control.abandoned.set()
        self._gates.look_again()
        return True

    def cancel(self, pipeline: str) -> None:
        """End all executions of a pipeline that has changed, once the actions that run are over.

        https://docs.aws.amazon.com/codepipeline/latest/userguide/execution-modes.html exempts
        those in PARALLEL mode.
        """
        with self._ending:
            for record in of_pipeline(pipeline):
                control = self._controls.get(record["pipelineExecutionId"])
                if control is None or record["executionMode"] == "PARALLEL":
                    continue
                control.cancelled = True
                control.summary = "The pipeline was updated before the execution was completed."
                control.stopping.set()
        self._gates.look_again()

    def look_again(self) -> None:
        """Take notice of transitions that were enabled."""
        self._gates.look_again()

    def waiting(self, pipeline: str, stage: str) -> tuple[str, ...]:
        """Return the executions that wait for a stage."""
        return self._gates.waiting(_key(pipeline, stage))

    def _resume(self, execution: Execution, resumption: Resumption) -> None:
        execution.update(status="InProgress")
        execution.count_retry(resumption.stage, automatic=False)
        events.pipeline_changed(execution.record, "Resumed")
        self._begin(execution, lambda control: self._walk(execution, resumption, control))

    def _start_rollback(self, execution: Execution, stage_name: str) -> None:
        events.pipeline_changed(execution.record, "InProgress")
        self._begin(execution, lambda control: self._restore(execution, stage_name, control))

    def _begin(self, execution: Execution, work: Callable[[Control], _WalkEnd]) -> None:
        self._controls[execution.id] = Control()
        scope.in_background(f"pipeline-{execution.id}", self._run, execution, work)

    def _run(self, execution: Execution, work: Callable[[Control], _WalkEnd]) -> None:
        control = self._controls[execution.id]
        rollback = None
        try:
            status, rollback = work(control)
        except Exception as error:
            _log.exception("Execution %s broke", execution.id)
            status, control.summary = "Failed", f"Internal error: {error!r}"
        with self._ending:
            del self._controls[execution.id]
            execution.finish(status, control.summary)
        if rollback is not None:
            self._start_rollback(*rollback)

    def _walk(
        self, execution: Execution, resumption: Resumption | None, control: Control
    ) -> _WalkEnd:
        pipeline = execution.pipeline
        names = [stage["name"] for stage in pipeline["stages"]]
        first = names.index(resumption.stage) if resumption else 0
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
                return ("Superseded" if entry is Entry.SUPERSEDED else control.end), None
            rollback = None
            try:
                end = self._stage_run.run(execution, stage, control, resumption)
                if end.rolls_back:
                    rollback = rollbacks.automatic(execution, stage["name"])
                    if rollback is not None:
                        self._gates.hand_over(key, execution.id, rollback.id)
            finally:
                self._gates.leave(key, execution.id)
            if end.status not in {"Succeeded", "Skipped"}:
                return end.status, (rollback, stage["name"]) if rollback else None
            resumption = None
        return "Succeeded", None

    def _restore(self, execution: Execution, stage_name: str, control: Control) -> _WalkEnd:
        pipeline = execution.pipeline
        stage: dict[str, Any] = next(
            each for each in pipeline["stages"] if each["name"] == stage_name
        )
        try:
            return self._stage_run.run(execution, stage, control).status, None
        finally:
            self._gates.leave(_key(pipeline["name"], stage_name), execution.id)


def _key(pipeline: str, stage: str) -> StageKey:
    here = scope.current()
    return here.account, here.region, pipeline, stage
