"""The releases of the pipeline: what stands in the way of one, and the start of one."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_codepipeline import CodePipelineClient

    from drift_detector.incident import Incident
    from drift_detector.watched import Watched


class Releases:
    """The releases of one pipeline, as they are at one look.

    Parameters
    ----------
    codepipeline
        A client that may look at the pipeline and start it.
    watched
        Names the pipeline.
    """

    def __init__(self, codepipeline: CodePipelineClient, watched: Watched) -> None:
        self._codepipeline = codepipeline
        self._pipeline = watched.pipeline
        self._variable = watched.variable

    def frozen(self) -> str | None:
        """Say which transition between stages is disabled, and why; None if none is."""
        state = self._codepipeline.get_pipeline_state(name=self._pipeline)
        for stage in state["stageStates"]:
            transition = stage.get("inboundTransitionState", {})
            if transition.get("enabled") is False:
                reason = transition.get("disabledReason", "no reason given")
                return f"the transition into the stage {stage.get('stageName')} is off ({reason})"
        return None

    @cached_property
    def _statuses(self) -> dict[str, str]:
        newest = self._codepipeline.list_pipeline_executions(
            pipelineName=self._pipeline, maxResults=100
        )
        return {
            execution["pipelineExecutionId"]: execution["status"]
            for execution in newest["pipelineExecutionSummaries"]
        }

    def underway(self) -> list[str]:
        """Return the executions that have not ended, those that wait among them."""
        running = ("InProgress", "Stopping")
        return [execution for execution, status in self._statuses.items() if status in running]

    def was_stopped(self, execution: str) -> bool:
        """Return whether somebody has stopped an execution; one that failed is no such."""
        return self._statuses.get(execution) == "Stopped"

    def start(self, digest: str, incident: Incident) -> str:
        """Have an image released that is in the repository.

        Parameters
        ----------
        digest
            The image's.
        incident
            What it is to end. Whoever starts the same release for it again gets the same execution.

        Returns
        -------
        str
            The id of the execution.
        """
        cause = (incident.running, incident.recorded, incident.since, incident.attempts)
        started = self._codepipeline.start_pipeline_execution(
            name=self._pipeline,
            variables=[{"name": self._variable, "value": digest}],
            clientRequestToken=hashlib.sha256(repr(cause).encode()).hexdigest(),
        )
        return started["pipelineExecutionId"]
