"""Executions of pipelines: found by their commit, started by a person, followed to their end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from acceptance.aws import Aws
from acceptance.progress import Progress

# A rule of EventBridge starts an execution within seconds; the rest is patience.
_START_SECONDS: Final = 300.0
_END_SECONDS: Final = 75 * 60.0
_ENDED: Final = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")


@dataclass(frozen=True, slots=True)
class Ended:
    """An execution that is over.

    Attributes
    ----------
    execution
        Its id.
    status
        Its status.
    actions
        The details of its actions, as CodePipeline lists them: the last one first.
    """

    execution: str
    status: str
    actions: Sequence[Mapping[str, Any]]

    def action(self, name: str) -> Mapping[str, Any] | None:
        """Return an action's last run, if it ran."""
        return next((run for run in self.actions if run["actionName"] == name), None)

    def variable(self, action: str, name: str) -> str:
        """Return a variable of an action; nothing where it has none."""
        run = self.action(action) or {}
        return str(run.get("output", {}).get("outputVariables", {}).get(name, ""))

    @property
    def reason(self) -> str:
        """Why it failed, as the actions say it: the first line of each."""
        said = [
            f"{run['actionName']}: {reason_of(run).strip().splitlines()[0]}"
            for run in reversed(self.actions)
            if run["status"] == "Failed" and reason_of(run).strip()
        ]
        return "; ".join(said)


def reason_of(run: Mapping[str, Any]) -> str:
    """Return why an action failed; nothing where it says nothing."""
    result = run.get("output", {}).get("executionResult", {})
    details = result.get("errorDetails", {}).get("message", "")
    return str(details or result.get("externalExecutionSummary", ""))


class Pipelines:
    """The pipelines of a run.

    Parameters
    ----------
    aws
        Where they are.
    progress
        What says how far they are.
    """

    def __init__(self, aws: Aws, progress: Progress) -> None:
        self._client = aws("codepipeline")
        self._aws = aws
        self._progress = progress

    def started_by(self, pipeline: str, commit: str) -> str:
        """Return the execution that a commit has started.

        Raises
        ------
        UnexpectedError
            If it starts none.
        """

        def look() -> str | None:
            self._progress.note("the push is to start the pipeline")
            for each in self._executions(pipeline):
                if any(r.get("revisionId") == commit for r in each.get("sourceRevisions", ())):
                    return str(each["pipelineExecutionId"])
            return None

        return self._progress.until(
            look, what=f"a release of {commit[:7]} by {pipeline}", seconds=_START_SECONDS
        )

    def start(self, pipeline: str, **variables: str) -> str:
        """Start a pipeline as a person does; return the execution."""
        given = [{"name": name, "value": value} for name, value in variables.items()]
        # An empty list of variables is refused.
        more = {"variables": given} if given else {}
        answer = self._client.start_pipeline_execution(name=pipeline, **more)
        return str(answer["pipelineExecutionId"])

    def follow(self, pipeline: str, execution: str, *, seconds: float = _END_SECONDS) -> Ended:
        """Follow an execution to its end.

        Raises
        ------
        UnexpectedError
            If it does not end in time.
        """

        def look() -> str | None:
            status = self.status(pipeline, execution)
            self._progress.note(self._stage(pipeline, execution) or f"the release is {status}")
            return status if status in _ENDED else None

        status = self._progress.until(
            look, what=f"the end of the release {execution} of {pipeline}", seconds=seconds
        )
        return Ended(execution, status, self.actions(pipeline, execution))

    def status(self, pipeline: str, execution: str) -> str:
        """Return an execution's status."""
        found = self._client.get_pipeline_execution(
            pipelineName=pipeline, pipelineExecutionId=execution
        )
        return str(found["pipelineExecution"]["status"])

    def actions(self, pipeline: str, execution: str) -> Sequence[Mapping[str, Any]]:
        """Return the details of an execution's actions, the last one first."""
        return self._aws.pages(
            "codepipeline",
            "list_action_executions",
            "actionExecutionDetails",
            pipelineName=pipeline,
            filter={"pipelineExecutionId": execution},
        )

    def running(self, pipeline: str) -> str | None:
        """Return the newest execution of a pipeline that has not ended; None if all have."""
        under_way = (e for e in self._executions(pipeline) if e["status"] not in _ENDED)
        return next((str(each["pipelineExecutionId"]) for each in under_way), None)

    def _executions(self, pipeline: str) -> Sequence[Mapping[str, Any]]:
        answer = self._client.list_pipeline_executions(pipelineName=pipeline)
        found: Sequence[Mapping[str, Any]] = answer["pipelineExecutionSummaries"]
        return found

    def _stage(self, pipeline: str, execution: str) -> str:
        stages = self._client.get_pipeline_state(name=pipeline)["stageStates"]
        for stage in reversed(stages):
            latest = stage.get("latestExecution", {})
            if latest.get("pipelineExecutionId") == execution:
                return f"stage {stage['stageName']} {latest['status']}"
        return ""
