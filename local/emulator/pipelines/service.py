"""CodePipeline's API and its resource type."""

import time
from collections.abc import Mapping
from typing import Any

from local.emulator import scope
from local.emulator.pages import page
from local.emulator.pipelines import declaration
from local.emulator.pipelines.action import Providers
from local.emulator.pipelines.engine import Engine, disabled_transitions
from local.emulator.pipelines.executions import (
    FINAL,
    Execution,
    action_executions,
    actions_of,
    executions,
    give_up_running,
    of_pipeline,
    stage_executions,
)
from local.emulator.pipelines.providers.approval import Approvals
from local.emulator.pipelines.providers.invoke import Jobs
from local.emulator.pipelines.state import show
from local.emulator.resources import (
    Attributes,
    Created,
    Declared,
    Properties,
    add_resource_type,
    tag_map,
)
from local.emulator.service import Service, ServiceError, plug_in, store

pipelines = store()

_STARTED_BY_HAND = "StartPipelineExecution"


class CodePipeline:
    """The service.

    Parameters
    ----------
    engine
        Runs executions.
    providers
        Who does the work of actions.
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
        plug_in(
            Service(
                "codepipeline",
                {
                    "StartPipelineExecution": self._start,
                    "StopPipelineExecution": self._stop,
                    "RetryStageExecution": self._retry,
                    "GetPipeline": self._get,
                    "GetPipelineExecution": self._get_execution,
                    "GetPipelineState": self._get_state,
                    "ListPipelines": self._list,
                    "ListPipelineExecutions": self._list_executions,
                    "ListActionExecutions": self._list_actions,
                    "PutApprovalResult": self._put_approval,
                    "PutJobSuccessResult": self._jobs.succeed,
                    "PutJobFailureResult": self._jobs.fail,
                    "EnableStageTransition": self._enable_transition,
                    "DisableStageTransition": self._disable_transition,
                    "ListTagsForResource": self._list_tags,
                    "TagResource": self._tag,
                    "UntagResource": self._untag,
                },
                {
                    "pipelines": pipelines,
                    "executions": executions,
                    "actions": action_executions,
                    "stages": stage_executions,
                    "transitions": disabled_transitions,
                },
                restored=give_up_running,
            ),
            "CodePipeline_20150709",
        )
        add_resource_type(
            "AWS::CodePipeline::Pipeline",
            create=self._create,
            delete=self._delete,
            update=self._update,
            replaces=("Name",),
            tags="Tags",
        )

    def start(
        self,
        name: str,
        *,
        trigger: Mapping[str, str],
        revisions: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """Start a pipeline.

        Parameters
        ----------
        name
            Of the pipeline.
        trigger
            ``triggerType`` and ``triggerDetail``.
        revisions
            Source action -> commit that it has to take; the others take the newest.
        variables
            Values of pipeline variables that are not to have their default.

        Returns
        -------
        str
            The id of the execution.
        """
        pipeline = _find(name)["declaration"]
        execution = Execution.new(
            pipeline, trigger, _variables(pipeline, variables or {}), revisions or {}
        )
        self._engine.start(execution)
        return execution.id

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        execution_id = self.start(
            request["name"],
            trigger={
                "triggerType": _STARTED_BY_HAND,
                "triggerDetail": f"arn:aws:iam::{scope.current().account}:root",
            },
            variables={each["name"]: each["value"] for each in request.get("variables", ())},
            revisions={
                each["actionName"]: each["revisionValue"]
                for each in request.get("sourceRevisions", ())
            },
        )
        return {"pipelineExecutionId": execution_id}

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = _find_execution(request["pipelineName"], request["pipelineExecutionId"])
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
        execution = _find_execution(name, request["pipelineExecutionId"])
        _check_stage(name, stage)
        latest = stage_executions.get(f"{name}/{stage}", {})
        if latest.get("pipelineExecutionId") != execution.id:
            raise ServiceError(
                "NotLatestPipelineExecutionException",
                f"{execution.id} is not the latest execution in stage '{stage}'",
            )
        if latest["status"] not in {"Failed", "Stopped"} or execution.record["status"] not in FINAL:
            raise ServiceError(
                "StageNotRetryableException",
                f"The stage '{stage}' has not failed in this execution",
            )
        self._engine.retry(execution, stage, only_failed=request["retryMode"] == "FAILED_ACTIONS")
        return {"pipelineExecutionId": execution.id}

    def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        record = _find(request["name"])
        return {
            "pipeline": record["declaration"],
            "metadata": {
                "pipelineArn": _arn(request["name"]),
                "created": record["created"],
                "updated": record["updated"],
            },
        }

    def _get_execution(self, request: dict[str, Any]) -> dict[str, Any]:
        record = _find_execution(request["pipelineName"], request["pipelineExecutionId"]).record
        return {"pipelineExecution": record}

    def _get_state(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["name"]
        record = _find(name)
        return {
            "pipelineName": name,
            "pipelineVersion": record["declaration"]["version"],
            "created": record["created"],
            "updated": record["updated"],
            "stageStates": show(
                record["declaration"],
                disabled_transitions,
                lambda stage: self._engine.waiting(name, stage),
            ),
        }

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        found = [
            {
                "name": name,
                "version": record["declaration"]["version"],
                "pipelineType": record["declaration"]["pipelineType"],
                "executionMode": record["declaration"]["executionMode"],
                "created": record["created"],
                "updated": record["updated"],
            }
            for name, record in sorted(pipelines.items())
        ]
        return page("pipelines", found, request)

    def _list_executions(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["pipelineName"]
        _find(name)
        found = [
            {**record, "sourceRevisions": record["artifactRevisions"]}
            for record in of_pipeline(name)
        ]
        return page("pipelineExecutionSummaries", found, request)

    def _list_actions(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["pipelineName"]
        _find(name)
        wanted = {record["pipelineExecutionId"] for record in of_pipeline(name)}
        if one := request.get("filter", {}).get("pipelineExecutionId"):
            wanted = {_find_execution(name, one).id}
        return page("actionExecutionDetails", actions_of(wanted), request)

    def _put_approval(self, request: dict[str, Any]) -> dict[str, Any]:
        name, stage = request["pipelineName"], request["stageName"]
        actions = _check_stage(name, stage)["actions"]
        if request["actionName"] not in {action["name"] for action in actions}:
            raise ServiceError(
                "ActionNotFoundException", f"The action {request['actionName']} does not exist"
            )
        self._approvals.put(request["token"], **request["result"])
        return {"approvedAt": time.time()}

    def _enable_transition(self, request: dict[str, Any]) -> dict[str, Any]:
        _check_stage(request["pipelineName"], request["stageName"])
        disabled_transitions.pop(f"{request['pipelineName']}/{request['stageName']}", None)
        self._engine.look_again()
        return {}

    def _disable_transition(self, request: dict[str, Any]) -> dict[str, Any]:
        _check_stage(request["pipelineName"], request["stageName"])
        disabled_transitions[f"{request['pipelineName']}/{request['stageName']}"] = {
            "enabled": False,
            "disabledReason": request["reason"],
            "lastChangedAt": time.time(),
        }
        return {}

    def _list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        tags = _find(_name(request["resourceArn"]))["tags"]
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}

    def _tag(self, request: dict[str, Any]) -> dict[str, Any]:
        record = _find(_name(request["resourceArn"]))
        tags = record["tags"] | {tag["key"]: tag["value"] for tag in request["tags"]}
        pipelines[_name(request["resourceArn"])] = {**record, "tags": tags}
        return {}

    def _untag(self, request: dict[str, Any]) -> dict[str, Any]:
        record = _find(_name(request["resourceArn"]))
        kept = {key: tag for key, tag in record["tags"].items() if key not in request["tagKeys"]}
        pipelines[_name(request["resourceArn"])] = {**record, "tags": kept}
        return {}

    def _create(self, declared: Declared) -> Created:
        name = declared.name("Name", 100)
        if name in pipelines:
            raise ValueError(f"A pipeline with the name '{name}' already exists in account")
        now = time.time()
        pipelines[name] = {
            "declaration": self._checked(declared, name, 1),
            "tags": tag_map(declared.properties),
            "created": now,
            "updated": now,
        }
        self._set_transitions(name, declared.properties)
        return name, _attributes(name)

    def _update(self, name: str, _: Properties, declared: Declared) -> Attributes:
        record = pipelines[name]
        version = record["declaration"]["version"] + 1
        pipelines[name] = {
            **record,
            "declaration": self._checked(declared, name, version),
            "tags": tag_map(declared.properties),
            "updated": time.time(),
        }
        self._set_transitions(name, declared.properties)
        if declared.properties.get("RestartExecutionOnUpdate"):
            self.start(name, trigger={"triggerType": "UpdatePipeline", "triggerDetail": _arn(name)})
        return _attributes(name)

    def _delete(self, name: str, _: Properties) -> None:
        pipelines.pop(name, None)
        for record in of_pipeline(name):
            for action in actions_of({record["pipelineExecutionId"]}):
                if record["status"] in FINAL:
                    action_executions.pop(action["actionExecutionId"], None)
            if record["status"] in FINAL:
                executions.pop(record["pipelineExecutionId"], None)

    def _checked(self, declared: Declared, name: str, version: int) -> dict[str, Any]:
        found = declaration.from_template(declared.properties, name)
        declaration.check(found, self._providers)
        return {**found, "version": version}

    def _set_transitions(self, name: str, properties: Properties) -> None:
        for stage in properties.get("DisableInboundStageTransitions") or ():
            disabled_transitions[f"{name}/{stage['StageName']}"] = {
                "enabled": False,
                "disabledReason": stage["Reason"],
                "lastChangedAt": time.time(),
            }


def _variables(pipeline: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    declared = {each["name"]: each.get("defaultValue") for each in pipeline.get("variables", ())}
    if unknown := given.keys() - declared.keys():
        raise ServiceError(
            "ValidationException",
            f"The pipeline declares no variable {', '.join(sorted(unknown))}",
        )
    values = declared | dict(given)
    if missing := sorted(name for name, value in values.items() if value is None):
        raise ServiceError(
            "ValidationException",
            f"The pipeline variable {', '.join(missing)} has no default: give it a value",
        )
    return {name: str(value) for name, value in values.items()}


def _arn(name: str) -> str:
    return scope.arn("codepipeline", name)


def _name(pipeline_arn: str) -> str:
    return pipeline_arn.rpartition(":")[2]


def _attributes(name: str) -> Attributes:
    return {"Version": str(pipelines[name]["declaration"]["version"]), "Arn": _arn(name)}


def _find(name: str) -> dict[str, Any]:
    if name not in pipelines:
        raise ServiceError(
            "PipelineNotFoundException",
            f"Account '{scope.current().account}' does not have a pipeline with name '{name}'",
        )
    record: dict[str, Any] = pipelines[name]
    return record


def _find_execution(name: str, execution_id: str) -> Execution:
    _find(name)
    if executions.get(execution_id, {}).get("pipelineName") != name:
        raise ServiceError(
            "PipelineExecutionNotFoundException",
            f"The pipeline '{name}' has no execution {execution_id}",
        )
    return Execution(execution_id)


def _check_stage(name: str, stage_name: str) -> dict[str, Any]:
    for stage in _find(name)["declaration"]["stages"]:
        if stage["name"] == stage_name:
            found: dict[str, Any] = stage
            return found
    raise ServiceError("StageNotFoundException", f"The stage {stage_name} does not exist")
