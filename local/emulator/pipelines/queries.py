"""CodePipeline's API: what it can be asked."""

from collections.abc import Mapping
from typing import Any

from local.emulator.api.models import members_of
from local.emulator.pages import page
from local.emulator.pipelines import rollbacks
from local.emulator.pipelines.catalogue import arn, find, find_execution, pipelines
from local.emulator.pipelines.engine import Engine, disabled_transitions
from local.emulator.pipelines.executions import actions_of, of_pipeline
from local.emulator.pipelines.rule_executions import rules_of
from local.emulator.pipelines.state import show
from local.emulator.service import Operation


class Queries:
    """The operations that change nothing.

    Parameters
    ----------
    engine
        Knows who waits.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> dict[str, Operation]:
        """Return them by name."""
        return {
            "GetPipeline": _get,
            "GetPipelineExecution": _get_execution,
            "GetPipelineState": self._get_state,
            "ListPipelines": _list,
            "ListPipelineExecutions": _list_executions,
            "ListActionExecutions": _list_actions,
            "ListRuleExecutions": _list_rules,
        }

    def _get_state(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["name"]
        record = find(name)
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


def _get(request: dict[str, Any]) -> dict[str, Any]:
    record = find(request["name"])
    return {
        "pipeline": record["declaration"],
        "metadata": {
            "pipelineArn": arn(request["name"]),
            "created": record["created"],
            "updated": record["updated"],
        },
    }


def _get_execution(request: dict[str, Any]) -> dict[str, Any]:
    record = find_execution(request["pipelineName"], request["pipelineExecutionId"]).record
    revisions = [_shown("ArtifactRevision", each) for each in record["artifactRevisions"]]
    shown = _shown("PipelineExecution", {**record, "artifactRevisions": revisions})
    return {"pipelineExecution": shown}


def _list(request: dict[str, Any]) -> dict[str, Any]:
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


def _list_executions(request: dict[str, Any]) -> dict[str, Any]:
    name = request["pipelineName"]
    version = find(name)["declaration"]["version"]
    stage = request.get("filter", {}).get("succeededInStage", {}).get("stageName")
    found = [
        _shown("PipelineExecutionSummary", {**record, "sourceRevisions": _sources(record)})
        for record in of_pipeline(name)
        # The filter is for targets of a rollback, which is possible within a version alone.
        if stage is None
        or (record["pipelineVersion"] == version and rollbacks.succeeded_in(record, stage))
    ]
    return page("pipelineExecutionSummaries", found, request)


def _sources(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [_shown("SourceRevision", each) for each in record["artifactRevisions"]]


def _list_actions(request: dict[str, Any]) -> dict[str, Any]:
    found = [_shown("ActionExecutionDetail", each) for each in actions_of(_wanted(request))]
    return page("actionExecutionDetails", found, request)


def _list_rules(request: dict[str, Any]) -> dict[str, Any]:
    found = [_shown("RuleExecutionDetail", each) for each in rules_of(_wanted(request))]
    return page("ruleExecutionDetails", found, request)


def _shown(shape: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what AWS tells of a record; the rest of it is the engine's own."""
    return members_of("codepipeline", shape, record)


def _wanted(request: Mapping[str, Any]) -> set[str]:
    """Return the ids of the executions that a filter selects; all without one."""
    name = request["pipelineName"]
    find(name)
    wanted = request.get("filter", {})
    latest = wanted.get("latestInPipelineExecution", {})
    if one := wanted.get("pipelineExecutionId") or latest.get("pipelineExecutionId"):
        return {find_execution(name, one).id}
    return {record["pipelineExecutionId"] for record in of_pipeline(name)}
