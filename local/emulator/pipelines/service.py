"""CodePipeline's API."""

import time
from collections.abc import Mapping
from typing import Any

from local.emulator import scope
from local.emulator.pipelines import rollbacks
from local.emulator.pipelines.action import Providers, Revision
from local.emulator.pipelines.catalogue import find, find_execution, find_stage, pipelines
from local.emulator.pipelines.declared_triggers import check_value
from local.emulator.pipelines.engine import Engine, StageBusyError, disabled_transitions
from local.emulator.pipelines.executions import (
    FINAL,
    Execution,
    action_executions,
    executions,
    of_pipeline,
    stage_executions,
)
from local.emulator.pipelines.providers.approval import Approvals
from local.emulator.pipelines.providers.invoke import Jobs
from local.emulator.pipelines.queries import Queries
from local.emulator.pipelines.resource_type import ResourceType
from local.emulator.pipelines.restart import give_up_running
from local.emulator.pipelines.rule_executions import condition, condition_states, rule_executions
from local.emulator.service import Service, ServiceError, plug_in

_STARTED_BY_HAND = "StartPipelineExecution"
# AWS's quota for the modes in which nothing is superseded.
_MOST_ACTIVE = 50
_KINDS = {"BEFORE_ENTRY": "beforeEntry", "ON_SUCCESS": "onSuccess"}


class CodePipeline:
    """The service.

    Parameters
    ----------
    engine
        Runs executions.
    providers
        Who does the work of actions and rules.
    approvals, jobs
        What answers PutApprovalResult, and PutJobSuccessResult and PutJobFailureResult.
    """

    def __init__(
        self, engine: Engine, providers: Providers, approvals: Approvals, jobs: Jobs
    ) -> None:
        self._engine = engine
        self._providers = providers
        self._approvals = approvals
        self._jobs = jobs

    def register(self) -> None:
        """Add the service and the resource type."""
        resource_type = ResourceType(self._engine, self._providers, self.start)
        resource_type.register()
        plug_in(
            Service(
                "codepipeline",
                {
                    "StartPipelineExecution": self._start,
                    "StopPipelineExecution": self._stop,
                    "RetryStageExecution": self._retry,
                    "RollbackStage": self._roll_back,
                    "OverrideStageCondition": self._override,
                    "PutApprovalResult": self._put_approval,
                    "PutJobSuccessResult": self._jobs.succeed,
                    "PutJobFailureResult": self._jobs.fail,
                    "EnableStageTransition": self._enable_transition,
                    "DisableStageTransition": self._disable_transition,
                    **Queries(self._engine).operations(),
                    **resource_type.operations(),
                },
                {
                    "pipelines": pipelines,
                    "executions": executions,
                    "actions": action_executions,
                    "stages": stage_executions,
                    "rules": rule_executions,
                    "conditions": condition_states,
                    "transitions": disabled_transitions,
                },
                restored=give_up_running,
            ),
            "CodePipeline_20150709",
        )

    def start(
        self,
        name: str,
        *,
        trigger: Mapping[str, str],
        revisions: Mapping[str, Revision] | None = None,
        variables: Mapping[str, str] | None = None,
        git: Mapping[str, str] | None = None,
    ) -> str:
        """Start a pipeline.

        Parameters
        ----------
        name
            Of the pipeline.
        trigger
            ``triggerType`` and ``triggerDetail``.
        revisions
            Source action -> what it has to take; the others take the newest.
        variables
            Values of pipeline variables that are not to have their default.
        git
            What events tell of the push or pull request that started it.

        Returns
        -------
        str
            The id of the execution.

        Raises
        ------
        ServiceError
            There is no such pipeline, its variables are other ones, or too many executions run.
        """
        pipeline = find(name)["declaration"]
        values = _variables(pipeline, variables or {})
        _check_room(pipeline)
        execution = Execution.new(pipeline, trigger, values, revisions or {}, git)
        self._engine.start(execution)
        return execution.id

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        name, token = request["name"], request.get("clientRequestToken")
        for record in of_pipeline(name):
            if token and record.get("clientRequestToken") == token:
                return {"pipelineExecutionId": record["pipelineExecutionId"]}
        execution_id = self.start(
            name,
            trigger={"triggerType": _STARTED_BY_HAND, "triggerDetail": _caller()},
            variables=given_variables(request),
            revisions=given_revisions(request),
        )
        Execution(execution_id).update(clientRequestToken=token)
        return {"pipelineExecutionId": execution_id}

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = find_execution(request["pipelineName"], request["pipelineExecutionId"])
        abandon = bool(request.get("abandon"))
        status = execution.record["status"]
        if status == "Stopping" and not abandon:
            raise ServiceError(
                "DuplicatedStopRequestException",
                f"The pipeline execution {execution.id} is already stopping",
            )
        if status in FINAL or not self._engine.stop(
            execution, abandon=abandon, summary=request.get("reason", "")
        ):
            raise ServiceError(
                "PipelineExecutionNotStoppableException",
                f"The pipeline execution {execution.id} has already ended: {status}",
            )
        return {"pipelineExecutionId": execution.id}

    def _retry(self, request: dict[str, Any]) -> dict[str, Any]:
        name, stage = request["pipelineName"], request["stageName"]
        execution = _latest(name, stage, request["pipelineExecutionId"])
        status = _status(execution, stage)
        if status not in {"Failed", "Stopped"} or execution.record["status"] not in FINAL:
            raise ServiceError(
                "StageNotRetryableException",
                f"The stage '{stage}' has not failed in this execution: it is {status}",
            )
        if request["retryMode"] not in {"FAILED_ACTIONS", "ALL_ACTIONS"}:
            raise ServiceError(
                "ValidationException",
                f"retryMode must be FAILED_ACTIONS or ALL_ACTIONS, not {request['retryMode']!r}",
            )
        only_failed = request["retryMode"] == "FAILED_ACTIONS"
        if only_failed and status == "Failed" and not execution.failed_actions(stage):
            raise ServiceError(
                "StageNotRetryableException",
                f"The stage '{stage}' has no failed actions, it was a condition that failed it; "
                "retry ALL_ACTIONS, or override the condition",
            )
        _check_version(execution, "StageNotRetryableException")
        _check_room(execution.pipeline)
        self._engine.retry(execution, stage, only_failed=only_failed)
        return {"pipelineExecutionId": execution.id}

    def _roll_back(self, request: dict[str, Any]) -> dict[str, Any]:
        name, stage = request["pipelineName"], request["stageName"]
        find_stage(name, stage)
        execution = rollbacks.manual(
            find(name)["declaration"], stage, request["targetPipelineExecutionId"], _caller()
        )
        try:
            self._engine.roll_back(execution, stage)
        except StageBusyError:
            executions.pop(execution.id, None)
            raise ServiceError(
                "UnableToRollbackStageException",
                f"Unable to roll back the stage '{stage}': the stage is running; wait until it "
                "has ended, or stop the execution",
            ) from None
        return {"pipelineExecutionId": execution.id}

    def _override(self, request: dict[str, Any]) -> dict[str, Any]:
        name, stage_name = request["pipelineName"], request["stageName"]
        kind = _KINDS.get(request["conditionType"])
        if kind is None:
            raise ServiceError(
                "ValidationException",
                f"conditionType must be {' or '.join(_KINDS)}, not {request['conditionType']!r}",
            )
        execution = _latest(name, stage_name, request["pipelineExecutionId"])
        stage = next(s for s in execution.pipeline["stages"] if s["name"] == stage_name)
        conditions = stage.get(kind, {}).get("conditions") or [{"result": "SKIP"}]
        state = condition(execution, stage_name, kind)
        is_over = state == "Failed" and execution.record["status"] in FINAL
        if conditions[0].get("result") == "SKIP" or not (is_over or state == "InProgress"):
            raise ServiceError(
                "ConditionNotOverridableException",
                f"The {kind} condition of stage '{stage_name}' cannot be overridden: only one can "
                "that is in progress or has failed, and whose result is not SKIP",
            )
        if is_over:
            _check_version(execution, "ConditionNotOverridableException")
            _check_room(execution.pipeline)
        self._engine.override(execution, stage_name, kind)
        return {}

    def _put_approval(self, request: dict[str, Any]) -> dict[str, Any]:
        name, stage, action = (request[key] for key in ("pipelineName", "stageName", "actionName"))
        if action not in {each["name"] for each in find_stage(name, stage)["actions"]}:
            raise ServiceError("ActionNotFoundException", f"The action {action} does not exist")
        self._approvals.put((name, stage, action), request["token"], **request["result"])
        return {"approvedAt": time.time()}

    def _enable_transition(self, request: dict[str, Any]) -> dict[str, Any]:
        find_stage(request["pipelineName"], request["stageName"])
        disabled_transitions.pop(f"{request['pipelineName']}/{request['stageName']}", None)
        self._engine.look_again()
        return {}

    def _disable_transition(self, request: dict[str, Any]) -> dict[str, Any]:
        find_stage(request["pipelineName"], request["stageName"])
        disabled_transitions[f"{request['pipelineName']}/{request['stageName']}"] = {
            "enabled": False,
            "disabledReason": request["reason"],
            "lastChangedAt": time.time(),
            "lastChangedBy": _caller(),
        }
        return {}


def given_variables(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of a request to start a pipeline."""
    return {each["name"]: str(each["value"]) for each in request.get("variables", ())}


def given_revisions(request: Mapping[str, Any]) -> dict[str, Revision]:
    """Return the source revisions of a request to start a pipeline."""
    return {
        each["actionName"]: Revision(each["revisionValue"])
        for each in request.get("sourceRevisions", ())
    }


def _latest(name: str, stage: str, execution_id: str) -> Execution:
    """Return an execution that a stage can go on with."""
    find_stage(name, stage)
    execution = find_execution(name, execution_id)
    is_latest = (
        execution.record["executionMode"] == "PARALLEL"
        or stage_executions.get(f"{name}/{stage}", {}).get("pipelineExecutionId") == execution.id
    )
    if not is_latest or stage not in execution.record["stages"]:
        raise ServiceError(
            "NotLatestPipelineExecutionException",
            f"{execution.id} is not the latest execution in stage '{stage}'",
        )
    return execution


def _status(execution: Execution, stage: str) -> str:
    return str(execution.record["stages"][stage]["status"])


def _check_version(execution: Execution, code: str) -> None:
    version = find(execution.pipeline["name"])["declaration"]["version"]
    if execution.record["pipelineVersion"] != version:
        raise ServiceError(
            code,
            f"{execution.id} ran in version {execution.record['pipelineVersion']} of the "
            f"pipeline's structure, which has version {version} now; start a new execution",
        )


def _check_room(pipeline: Mapping[str, Any]) -> None:
    if pipeline["executionMode"] == "SUPERSEDED":
        return
    active = [each for each in of_pipeline(pipeline["name"]) if each["status"] not in FINAL]
    if len(active) >= _MOST_ACTIVE:
        raise ServiceError(
            "ConcurrentPipelineExecutionsLimitExceededException",
            f"The pipeline {pipeline['name']} has {len(active)} executions that have not ended, "
            f"and can have {_MOST_ACTIVE}; wait, or stop some",
        )


def _variables(pipeline: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    declared = {each["name"]: each.get("defaultValue") for each in pipeline.get("variables", ())}
    if unknown := given.keys() - declared.keys():
        raise ServiceError(
            "ValidationException",
            f"The pipeline declares no variable {', '.join(sorted(unknown))}",
        )
    for name, value in given.items():
        try:
            check_value(name, value)
        except ValueError as error:
            raise ServiceError("ValidationException", str(error)) from None
    values = declared | dict(given)
    if missing := sorted(name for name, value in values.items() if value is None):
        raise ServiceError(
            "ValidationException",
            f"The pipeline variable {', '.join(missing)} has no default: give it a value",
        )
    return {name: str(value) for name, value in values.items()}


def _caller() -> str:
    return f"arn:aws:iam::{scope.current().account}:root"
