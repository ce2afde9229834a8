"""The pipelines that there are, and how requests find them and what belongs to them."""

from typing import Any

from local.emulator import scope
from local.emulator.pipelines.executions import Execution, executions
from local.emulator.service import ServiceError, store

pipelines = store()


def find(name: str) -> dict[str, Any]:
    """Return the record of a pipeline.

    Raises
    ------
    ServiceError
        There is none.
    """
    if name not in pipelines:
        raise ServiceError(
            "PipelineNotFoundException",
            f"Account '{scope.current().account}' does not have a pipeline with name '{name}'",
        )
    record: dict[str, Any] = pipelines[name]
    return record


def find_stage(name: str, stage_name: str) -> dict[str, Any]:
    """Return the declaration of a stage.

    Raises
    ------
    ServiceError
        There is none.
    """
    for stage in find(name)["declaration"]["stages"]:
        if stage["name"] == stage_name:
            found: dict[str, Any] = stage
            return found
    raise ServiceError("StageNotFoundException", f"The stage {stage_name} does not exist")


def find_execution(name: str, execution_id: str) -> Execution:
    """Return an execution of a pipeline.

    Raises
    ------
    ServiceError
        There is none.
    """
    find(name)
    if executions.get(execution_id, {}).get("pipelineName") != name:
        raise ServiceError(
            "PipelineExecutionNotFoundException",
            f"The pipeline '{name}' has no execution {execution_id}",
        )
    return Execution(execution_id)


def arn(name: str) -> str:
    """Return the ARN of a pipeline."""
    return scope.arn("codepipeline", name)
