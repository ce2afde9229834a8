"""Which earlier execution a stage goes back to.

https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-rollback.html: not the source stage,
not to a rollback, and only to an execution of the pipeline's present structure.
"""

import json
from collections.abc import Mapping
from typing import Any

from local.emulator.pipelines.executions import Execution, executions, of_pipeline
from local.emulator.service import ServiceError


def manual(pipeline: Mapping[str, Any], stage: str, target_id: str, by: str) -> Execution:
    """Begin the rollback that a person asks for.

    Parameters
    ----------
    pipeline
        The present declaration.
    stage
        Which is to be rolled back.
    target_id
        The execution to go back to.
    by
        ARN of who asks.

    Raises
    ------
    ServiceError
        AWS would not roll back.
    """
    target = executions.get(target_id, {})
    if target.get("pipelineName") != pipeline["name"]:
        raise ServiceError(
            "PipelineExecutionNotFoundException",
            f"The pipeline '{pipeline['name']}' has no execution {target_id}",
        )
    if why := _impossible(pipeline, stage) or _unfit(pipeline, stage, target):
        raise ServiceError(
            "UnableToRollbackStageException", f"Unable to roll back the stage '{stage}': {why}"
        )
    trigger = {"triggerType": "ManualRollback", "triggerDetail": by}
    return Execution.rollback(pipeline, Execution(target_id), trigger)


def automatic(failed: Execution, stage: str) -> Execution | None:
    """Begin the rollback after a failure; None where there is nothing to go back to."""
    pipeline = failed.pipeline
    target = next(
        (
            record
            for record in of_pipeline(pipeline["name"])
            if record["pipelineExecutionId"] != failed.id and not _unfit(pipeline, stage, record)
        ),
        None,
    )
    if target is None or _impossible(pipeline, stage):
        return None
    trigger = {
        "triggerType": "AutomatedRollback",
        "triggerDetail": json.dumps({"FailedPipelineExecutionId": failed.id}),
    }
    return Execution.rollback(pipeline, Execution(target["pipelineExecutionId"]), trigger)


def succeeded_in(record: Mapping[str, Any], stage: str) -> bool:
    """Return whether an execution was successful in a stage."""
    return bool(record["stages"].get(stage, {}).get("status") == "Succeeded")


def _impossible(pipeline: Mapping[str, Any], stage: str) -> str:
    if pipeline["pipelineType"] != "V2":
        return "rollback is only available for V2 pipelines"
    if pipeline["executionMode"] == "PARALLEL":
        return "rollback is not available in PARALLEL mode"
    if stage == pipeline["stages"][0]["name"]:
        return "a source stage cannot be rolled back"
    return ""


def _unfit(pipeline: Mapping[str, Any], stage: str, target: Mapping[str, Any]) -> str:
    target_id = target["pipelineExecutionId"]
    if target["executionType"] == "ROLLBACK":
        return f"{target_id} is a rollback; name the execution that it went back to"
    if target["pipelineVersion"] != pipeline["version"]:
        return (
            f"{target_id} ran in version {target['pipelineVersion']} of the pipeline's structure, "
            f"which has version {pipeline['version']} now"
        )
    if not succeeded_in(target, stage):
        return f"{target_id} did not succeed in this stage"
    return ""
