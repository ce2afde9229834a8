"""One execution in one stage: conditions, actions, and what follows from a failure.

https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-conditions.html and
https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-retry.html. Where they are silent:

- The On Failure configuration is about failed actions. An entry or success condition that fails
  the stage has a result of its own.
- An automatic retry does not evaluate the entry condition again; a manual one enters anew and does.
- A rollback evaluates no condition: the alarm that caused it must not keep it out.
"""

import itertools
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.emulator import scope
from local.emulator.clients import Clients
from local.emulator.pipelines.action import (
    ActionAbandoned,
    ActionError,
    Invocation,
    Providers,
    action_type,
)
from local.emulator.pipelines.artifacts import Artifacts
from local.emulator.pipelines.clock import clock
from local.emulator.pipelines.conditions import Conditions, Verdict
from local.emulator.pipelines.control import Control
from local.emulator.pipelines.executions import ActionExecution, Execution
from local.emulator.pipelines.roles import clients_of, denial
from local.emulator.pipelines.rule_executions import forget_conditions
from local.emulator.pipelines.variables import UndefinedVariableError, fill_in

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where and how an execution that has ended goes on.

    Attributes
    ----------
    stage
        The stage.
    done
        Actions in it that need not run again.
    passed
        Kinds of conditions that are not evaluated again.
    """

    stage: str
    done: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StageEnd:
    """How a stage ended.

    Attributes
    ----------
    status
        Of the stage.
    rolls_back
        Whether an earlier state is to be restored.
    """

    status: str
    rolls_back: bool = False


class StageRun:
    """Runs stages.

    Parameters
    ----------
    clients
        Clients of the emulator.
    providers
        Who does the work of actions.
    conditions
        Evaluates the conditions.
    """

    def __init__(self, clients: Clients, providers: Providers, conditions: Conditions) -> None:
        self._clients = clients
        self._providers = providers
        self._conditions = conditions

    def run(
        self,
        execution: Execution,
        stage: Mapping[str, Any],
        control: Control,
        resumption: Resumption | None = None,
    ) -> StageEnd:
        """Take an execution through a stage that it is in.

        Parameters
        ----------
        execution
            Which.
        stage
            The declaration.
        control
            The reins of the execution.
        resumption
            How it resumes the stage, if it does.
        """
        name = stage["name"]
        execution.enter(name, retried=resumption is not None)
        if resumption is None:
            forget_conditions(execution, name)
        end = self._pass(execution, stage, control, resumption or Resumption(name))
        execution.leave(name, end.status)
        return end

    def _pass(
        self,
        execution: Execution,
        stage: Mapping[str, Any],
        control: Control,
        resumption: Resumption,
    ) -> StageEnd:
        if control.stopping.is_set():
            return StageEnd(control.end)
        entry = self._ask(execution, stage, "beforeEntry", control, resumption)
        if entry is not None:
            return entry
        done = resumption.done
        while True:
            status = self._run_actions(execution, stage, done, control)
            if status == "Succeeded":
                break
            if status != "Failed" or control.stopping.is_set():
                return StageEnd(status)
            result = self._after_failure(execution, stage, control)
            if result != "RETRY":
                return _END_AFTER_FAILURE.get(result, StageEnd("Failed"))
            execution.leave(stage["name"], "Failed")
            execution.count_retry(stage["name"], automatic=True)
            execution.enter(stage["name"], retried=True)
            mode = stage["onFailure"].get("retryConfiguration", {}).get("retryMode")
            done = (
                frozenset() if mode == "ALL_ACTIONS" else execution.succeeded_actions(stage["name"])
            )
        success = self._ask(execution, stage, "onSuccess", control, resumption)
        return success or StageEnd("Succeeded")

    def _ask(
        self,
        execution: Execution,
        stage: Mapping[str, Any],
        kind: str,
        control: Control,
        resumption: Resumption,
    ) -> StageEnd | None:
        """Return how the stage ends by a condition, or None where it goes on."""
        if execution.is_rollback or kind in resumption.passed:
            return None
        match self._conditions.evaluate(execution, stage, kind, control):
            case Verdict.MET:
                return None
            case Verdict.STOPPED:
                return StageEnd(control.end)
        result = stage[kind]["conditions"][0].get("result", "FAIL")
        return StageEnd("Skipped") if result == "SKIP" else StageEnd("Failed", result == "ROLLBACK")

    def _after_failure(
        self, execution: Execution, stage: Mapping[str, Any], control: Control
    ) -> str:
        """Return the result that engages after an action has failed."""
        declared = stage.get("onFailure")
        if declared is None or execution.is_rollback:
            return "FAIL"
        result: str = declared.get("result", "FAIL")
        if declared.get("conditions"):
            verdict = self._conditions.evaluate(execution, stage, "onFailure", control)
            if verdict is not Verdict.NOT_MET:
                return "FAIL"
            result = declared["conditions"][0].get("result", result)
        if result == "RETRY" and execution.was_retried_automatically(stage["name"]):
            return "FAIL"
        return result

    def _run_actions(
        self,
        execution: Execution,
        stage: Mapping[str, Any],
        done: frozenset[str],
        control: Control,
    ) -> str:
        ordered = sorted(stage["actions"], key=lambda action: action["runOrder"])
        for _, group in itertools.groupby(ordered, key=lambda action: action["runOrder"]):
            if control.stopping.is_set():
                return control.end
            actions = [action for action in group if action["name"] not in done]
            if "Failed" in self._run_in_parallel(execution, stage, actions, control):
                return "Failed"
        return control.end if control.abandoned.is_set() else "Succeeded"

    def _run_in_parallel(
        self,
        execution: Execution,
        stage: Mapping[str, Any],
        actions: Sequence[Mapping[str, Any]],
        control: Control,
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
        control: Control,
    ) -> str:
        inputs = {
            given["name"]: execution.locate(given["name"]) for given in action["inputArtifacts"]
        }
        places = Artifacts(self._clients, execution.pipeline)
        outputs = {out["name"]: places.new(out["name"]) for out in action["outputArtifacts"]}
        started = clock.now()
        running = ActionExecution(execution, stage, action, inputs, outputs)
        try:
            configuration = fill_in(action["configuration"], execution.record["namespaces"])
            running.resolve(configuration)
            clients = clients_of(self._clients, execution.pipeline, action)
            outcome = self._providers[action_type(action)].run(
                Invocation(
                    pipeline=execution.pipeline["name"],
                    execution_id=execution.id,
                    action_execution_id=running.id,
                    stage=stage["name"],
                    action=action["name"],
                    timeout_minutes=action.get("timeoutInMinutes"),
                    started=started,
                    configuration=configuration,
                    inputs=inputs,
                    outputs=outputs,
                    artifacts=Artifacts(clients, execution.pipeline),
                    revision=execution.revision(action["name"]),
                    commit=execution.commit,
                    stop=control.abandoned,
                    clients=clients,
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
            if denied := denial(error):
                running.fail(denied.code, str(denied))
                return "Failed"
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


_END_AFTER_FAILURE = {
    "ROLLBACK": StageEnd("Failed", rolls_back=True),
    "SKIP": StageEnd("Skipped"),
}
