"""The conditions of stages: their rules evaluated together.

https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html: a condition is met
if all its rules succeed, and its result engages when it is not. The guide's pictures of On Failure
and On Success say the contrary in a caption; its text, and what its rules check, do not.

AWS does not say what becomes of the other rules when one has failed, nor of rules when somebody
stops the execution: here they are abandoned. Nor does it name a time-out of rules that declare
none: here it is a day.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from local.emulator import scope
from local.emulator.clients import Clients
from local.emulator.pipelines.action import (
    ActionAbandoned,
    ActionError,
    Invocation,
    Providers,
    rule_type,
)
from local.emulator.pipelines.artifacts import Artifacts
from local.emulator.pipelines.clock import clock
from local.emulator.pipelines.control import Control
from local.emulator.pipelines.executions import Execution
from local.emulator.pipelines.roles import clients_of, denial
from local.emulator.pipelines.rule_executions import RuleExecution, set_condition
from local.emulator.pipelines.variables import UndefinedVariableError, fill_in

_log = logging.getLogger(__name__)

KINDS = ("beforeEntry", "onSuccess", "onFailure")

_POLL_SECONDS = 0.05
_DEFAULT_MINUTES = 24 * 60


class Verdict(Enum):
    """How the evaluation of a condition ended."""

    MET = "met"
    NOT_MET = "not met"
    STOPPED = "stopped"


@dataclass(slots=True)
class _Evaluation:
    overridden: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class _Run:
    """A rule that is run in a thread of its own."""

    rule: Mapping[str, Any]
    started: float
    record: RuleExecution
    stop: threading.Event = field(default_factory=threading.Event)
    timed_out: bool = False
    thread: threading.Thread | None = None

    @property
    def minutes(self) -> int:
        return int(self.rule.get("timeoutInMinutes", _DEFAULT_MINUTES))

    @property
    def deadline(self) -> float:
        return self.started + 60 * self.minutes


class Conditions:
    """Evaluates conditions.

    Parameters
    ----------
    clients
        Clients of the emulator.
    providers
        Who does the work of rules.
    """

    def __init__(self, clients: Clients, providers: Providers) -> None:
        self._clients = clients
        self._providers = providers
        self._evaluations: dict[tuple[str, str, str], _Evaluation] = {}

    def evaluate(
        self, execution: Execution, stage: Mapping[str, Any], kind: str, control: Control
    ) -> Verdict:
        """Run the rules of a condition, and record how that went.

        Parameters
        ----------
        execution
            In which.
        stage
            Of which; a stage without this condition meets it.
        kind
            ``beforeEntry``, ``onSuccess`` or ``onFailure``.
        control
            The reins of the execution.
        """
        declared = stage.get(kind, {}).get("conditions")
        if not declared:
            return Verdict.MET
        key = execution.id, stage["name"], kind
        evaluation = self._evaluations[key] = _Evaluation()
        runs = [self._prepared(execution, stage, rule) for rule in declared[0]["rules"]]
        rules = {run.rule["name"]: run.record.id for run in runs}
        set_condition(execution, stage["name"], kind, "InProgress", rules=rules)
        here = scope.current()
        for run in runs:
            run.thread = threading.Thread(
                target=here.run, args=(self._run, execution, stage, kind, run), daemon=True
            )
            run.thread.start()
        try:
            self._watch(runs, evaluation, control)
        finally:
            del self._evaluations[key]
        return self._judge(execution, stage["name"], kind, runs, evaluation, control)

    def override(self, execution: Execution, stage: str, kind: str) -> bool:
        """Take a condition that is being evaluated for met; return whether it is."""
        evaluation = self._evaluations.get((execution.id, stage, kind))
        if evaluation is None:
            return False
        evaluation.overridden.set()
        return True

    @staticmethod
    def _prepared(execution: Execution, stage: Mapping[str, Any], rule: Mapping[str, Any]) -> _Run:
        inputs = {
            given["name"]: execution.locate(given["name"]) for given in rule["inputArtifacts"]
        }
        started = clock.now()
        return _Run(rule, started, RuleExecution(execution, stage, rule, inputs))

    @staticmethod
    def _watch(runs: list[_Run], evaluation: _Evaluation, control: Control) -> None:
        while alive := [run for run in runs if run.thread and run.thread.is_alive()]:
            over = (
                control.stopping.is_set()
                or evaluation.overridden.is_set()
                or any(run.record.status == "Failed" for run in runs)
            )
            for run in alive:
                if over:
                    run.stop.set()
                elif clock.now() >= run.deadline and not run.stop.is_set():
                    run.timed_out = True
                    run.stop.set()
            if alive[0].thread:
                alive[0].thread.join(_POLL_SECONDS)

    @staticmethod
    def _judge(
        execution: Execution,
        stage: str,
        kind: str,
        runs: list[_Run],
        evaluation: _Evaluation,
        control: Control,
    ) -> Verdict:
        failed = [run for run in runs if run.record.status == "Failed"]
        if evaluation.overridden.is_set():
            status, verdict, summary = "Overridden", Verdict.MET, "Overridden by a person."
        elif failed:
            status, verdict = "Failed", Verdict.NOT_MET
            summary = "; ".join(f"{run.rule['name']}: {run.record.message}" for run in failed)
        elif control.stopping.is_set():
            status = "Cancelled" if control.cancelled else "Abandoned"
            verdict, summary = Verdict.STOPPED, "The execution was stopped."
        else:
            status, verdict, summary = "Succeeded", Verdict.MET, ""
        set_condition(execution, stage, kind, status, summary=summary)
        return verdict

    def _run(self, execution: Execution, stage: Mapping[str, Any], kind: str, run: _Run) -> None:
        rule, record = run.rule, run.record
        try:
            configuration = fill_in(rule["configuration"], execution.record["namespaces"])
            record.resolve(configuration)
            clients = clients_of(self._clients, execution.pipeline, rule)
            self._providers[rule_type(rule)].run(
                Invocation(
                    pipeline=execution.pipeline["name"],
                    execution_id=execution.id,
                    action_execution_id=record.id,
                    stage=stage["name"],
                    action=rule["name"],
                    timeout_minutes=run.minutes,
                    started=run.started,
                    configuration=configuration,
                    inputs={
                        given["name"]: execution.locate(given["name"])
                        for given in rule["inputArtifacts"]
                    },
                    outputs={},
                    artifacts=Artifacts(clients, execution.pipeline),
                    revision=None,
                    commit=execution.commit,
                    stop=run.stop,
                    clients=clients,
                    report=record.report,
                    condition=kind,
                )
            )
        except ActionAbandoned:
            if run.timed_out:
                record.fail("TimedOut", f"The rule did not end within {run.minutes} minutes.")
            else:
                record.end("Abandoned")
        except UndefinedVariableError as error:
            record.fail("ConfigurationError", str(error))
        except ActionError as error:
            record.fail(error.code, str(error))
        except Exception as error:
            if denied := denial(error):
                record.fail(denied.code, str(denied))
                return
            # A defect of ours must not look like a rule that never ends.
            _log.exception("Rule %s broke", rule["name"])
            record.fail("SystemUnavailable", f"Internal error: {error!r}")
        else:
            record.end("Succeeded")
