"""A release in a local cloud: push a commit, follow the pipeline, read what runs."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from local.build_log import end_of_log
from local.clients import clients
from local.cloud import ACCOUNT, REGION
from local.commit import Commit
from local.recorded import Recorded, recorded_by
from local.stages import Stage, stages_of
from local.traffic import Shifts

if TYPE_CHECKING:
    from types_boto3_codebuild import CodeBuildClient
    from types_boto3_codedeploy import CodeDeployClient
    from types_boto3_codepipeline import CodePipelineClient
    from types_boto3_ecs import ECSClient
    from types_boto3_elbv2 import ElasticLoadBalancingv2Client
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_ssm import SSMClient

__all__ = ["Commit", "Recorded", "ReleaseError", "Releases", "Running", "Stage"]

_POLL_SECONDS: Final = 0.25
_ENDED: Final = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")


class ReleaseError(RuntimeError):
    """A release failed; the message says where and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """What a service runs.

    Attributes
    ----------
    task_definition
        Family and revision.
    image
        The image of the container.
    """

    task_definition: str
    image: str


class Releases:
    """The releases of a local cloud.

    Parameters
    ----------
    endpoint
        The cloud's address.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        client = clients(endpoint)
        self._pipelines: CodePipelineClient = client("codepipeline")
        self._builds: CodeBuildClient = client("codebuild")
        self._logs: CloudWatchLogsClient = client("logs")
        self._ecs: ECSClient = client("ecs")
        self._code_deploy: CodeDeployClient = client("codedeploy")
        self._elbv2: ElasticLoadBalancingv2Client = client("elbv2")
        self._ssm: SSMClient = client("ssm")

    def push(
        self,
        commit: Commit,
        *,
        repository: str,
        branch: str,
        message: str,
        tag: str | None = None,
    ) -> list[str]:
        """Make a commit the newest of a branch, which starts the pipelines that it triggers.

        Parameters
        ----------
        commit
            The commit.
        repository
            The repository, as the pipeline's source names it.
        branch
            The branch.
        message
            The commit's message.
        tag
            A tag that is pushed along with it; none by default.

        Returns
        -------
        list of str
            The ids of the executions that it started.

        Raises
        ------
        ReleaseError
            If the cloud refuses it.
        """
        query = {
            "repository": repository,
            "branch": branch,
            "commit": commit.id,
            "message": message,
            "author": "Local Developer",
            **({"tag": tag} if tag else {}),
        }
        executions: list[str] = self._local("push", query, commit.archive)["executions"]
        return executions

    def pull_request(
        self,
        event: Literal["OPEN", "UPDATED", "CLOSED"],
        *,
        repository: str,
        source: str,
        destination: str,
    ) -> list[str]:
        """Announce a pull request, which starts the pipelines with a trigger for it.

        Parameters
        ----------
        event
            What happened to it; ``CLOSED`` is closed or merged.
        repository
            The repository, as the pipeline's source names it.
        source
            The source branch; it has been pushed.
        destination
            The destination branch; it has been pushed.

        Returns
        -------
        list of str
            The ids of the executions that it started.

        Raises
        ------
        ReleaseError
            If the cloud refuses it.
        """
        query = {
            "event": event,
            "repository": repository,
            "source": source,
            "destination": destination,
        }
        executions: list[str] = self._local("pull-request", query)["executions"]
        return executions

    def start(self, pipeline: str, **variables: str) -> str:
        """Start a pipeline as a person does, and return the id of the execution.

        Parameters
        ----------
        pipeline
            The pipeline's name.
        **variables
            Values of the pipeline's variables; the others have their default.
        """
        given = [{"name": name, "value": value} for name, value in variables.items()]
        return self._pipelines.start_pipeline_execution(
            name=pipeline,
            **({"variables": given} if given else {}),  # type: ignore[arg-type]
        )["pipelineExecutionId"]

    def approve(self, pipeline: str, stage: str, action: str, summary: str = "") -> None:
        """Approve a pending manual approval.

        Parameters
        ----------
        pipeline, stage, action
            Names of the pipeline, the stage and the approval.
        summary
            The comment.

        Raises
        ------
        ReleaseError
            If no approval is pending there.
        """
        self._answer(pipeline, stage, action, "Approved", summary)

    def reject(self, pipeline: str, stage: str, action: str, summary: str = "") -> None:
        """Reject a pending manual approval; as `approve`."""
        self._answer(pipeline, stage, action, "Rejected", summary)

    def roll_back_stage(self, pipeline: str, stage: str, execution: str) -> str:
        """Run a stage once more as an earlier execution ran it; return the rollback's id.

        Parameters
        ----------
        pipeline, stage
            Their names.
        execution
            The id of the earlier execution, which was successful in the stage.
        """
        return self._pipelines.rollback_stage(
            pipelineName=pipeline, stageName=stage, targetPipelineExecutionId=execution
        )["pipelineExecutionId"]

    def override_condition(
        self,
        pipeline: str,
        stage: str,
        execution: str,
        condition: Literal["BEFORE_ENTRY", "ON_SUCCESS"],
    ) -> None:
        """Continue an execution that a condition of a stage holds back or has failed."""
        self._pipelines.override_stage_condition(
            pipelineName=pipeline,
            stageName=stage,
            pipelineExecutionId=execution,
            conditionType=condition,
        )

    def disable_transition(self, pipeline: str, stage: str, reason: str) -> None:
        """Keep executions out of a stage until the transition is enabled."""
        self._pipelines.disable_stage_transition(
            pipelineName=pipeline, stageName=stage, transitionType="Inbound", reason=reason
        )

    def enable_transition(self, pipeline: str, stage: str) -> None:
        """Enable the transition into a stage."""
        self._pipelines.enable_stage_transition(
            pipelineName=pipeline, stageName=stage, transitionType="Inbound"
        )

    def wait_as_if(self, seconds: float) -> None:
        """Let so much time pass for windows, time-outs and alarms that pipelines wait for."""
        self._local("clock", {"forward": str(seconds)})

    def shifts(self, cluster: str, service: str) -> Shifts:
        """Follow a service's traffic, from where it goes now."""
        return Shifts(self._ecs, self._elbv2, cluster, service)

    def follow(
        self,
        pipeline: str,
        execution: str,
        *,
        on_change: Callable[[Stage], None],
        on_poll: Callable[[], None] = lambda: None,
        seconds: float,
    ) -> str:
        """Follow an execution until it ends.

        Parameters
        ----------
        pipeline
            The pipeline's name.
        execution
            The execution's id.
        on_change
            Called with each stage as its status changes, and when a reason is added to it.
        on_poll
            Called each time the execution is looked up; does nothing by default.
        seconds
            How long to follow it at most.

        Returns
        -------
        str
            The status with which it ended.

        Raises
        ------
        ReleaseError
            If it has not ended in time.
        """
        known: dict[str, tuple[str, str]] = {}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended = self._status(pipeline, execution)
            for stage in stages_of(
                self._pipelines,
                pipeline,
                execution,
                end_of_log=lambda build: end_of_log(self._builds, self._logs, build),
            ):
                if known.get(stage.name) != (stage.status, stage.reason):
                    known[stage.name] = (stage.status, stage.reason)
                    on_change(stage)
            on_poll()
            if ended in _ENDED:
                return ended
            time.sleep(_POLL_SECONDS)
        raise ReleaseError(f"{pipeline} has not ended in {seconds:.0f} s")

    def running(self, cluster: str, service: str) -> Running:
        """Return what a service runs.

        Parameters
        ----------
        cluster, service
            Their names.

        Returns
        -------
        Running
            Its task definition and image.
        """
        (found,) = self._ecs.describe_services(cluster=cluster, services=[service])["services"]
        arn = found["taskDefinition"]
        definition = self._ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        return Running(
            task_definition=arn.rpartition("/")[2],
            image=definition["containerDefinitions"][0]["image"],
        )

    def recorded(self, pipeline: str) -> Recorded | None:
        """Return what a pipeline has recorded as live; None if it records nothing."""
        return recorded_by(self._pipelines, self._ssm, pipeline)

    def pipelines(self) -> list[str]:
        """List the pipelines.

        Returns
        -------
        list of str
            Their names.
        """
        return sorted(found["name"] for found in self._pipelines.list_pipelines()["pipelines"])

    def deploy_targets(self, pipeline: str) -> tuple[str, str]:
        """Return the cluster and the service that a pipeline deploys to.

        Parameters
        ----------
        pipeline
            The pipeline's name.

        Returns
        -------
        tuple
            Cluster and service.

        Raises
        ------
        ReleaseError
            If it deploys to none.
        """
        for stage in self._pipelines.get_pipeline(name=pipeline)["pipeline"]["stages"]:
            for action in stage["actions"]:
                configuration = action.get("configuration", {})
                match action["actionTypeId"]["provider"]:
                    case "ECS":
                        return configuration["ClusterName"], configuration["ServiceName"]
                    case "CodeDeployToECS":
                        group = self._code_deploy.get_deployment_group(
                            applicationName=configuration["ApplicationName"],
                            deploymentGroupName=configuration["DeploymentGroupName"],
                        )["deploymentGroupInfo"]
                        (service,) = group["ecsServices"]
                        return service["clusterName"], service["serviceName"]
        raise ReleaseError(f"{pipeline} deploys to no ECS service")

    def source(self, pipeline: str) -> tuple[str, str]:
        """Return the repository and the branch that a pipeline releases.

        Parameters
        ----------
        pipeline
            The pipeline's name.

        Returns
        -------
        tuple
            Repository and branch.
        """
        stages = self._pipelines.get_pipeline(name=pipeline)["pipeline"]["stages"]
        configuration = stages[0]["actions"][0].get("configuration", {})
        repository = configuration.get("FullRepositoryId") or configuration["RepositoryName"]
        return repository, configuration["BranchName"]

    def _status(self, pipeline: str, execution: str) -> str:
        found = self._pipelines.get_pipeline_execution(
            pipelineName=pipeline, pipelineExecutionId=execution
        )
        return found["pipelineExecution"]["status"]

    def _answer(
        self,
        pipeline: str,
        stage: str,
        action: str,
        status: Literal["Approved", "Rejected"],
        summary: str,
    ) -> None:
        states = self._pipelines.get_pipeline_state(name=pipeline)["stageStates"]
        token = next(
            (
                found["latestExecution"].get("token")
                for state in states
                for found in state["actionStates"]
                if (state["stageName"], found["actionName"]) == (stage, action)
                and "latestExecution" in found
            ),
            None,
        )
        if token is None:
            raise ReleaseError(f"no approval is pending in {pipeline}, {stage}, {action}")
        self._pipelines.put_approval_result(
            pipelineName=pipeline,
            stageName=stage,
            actionName=action,
            token=token,
            result={"status": status, "summary": summary},
        )

    def _local(self, path: str, query: Mapping[str, str], body: bytes = b"") -> dict[str, Any]:
        """Call one of the emulator's operations outside AWS's APIs."""
        spelled = urllib.parse.urlencode({"account": ACCOUNT, "region": REGION, **query})
        request = urllib.request.Request(  # noqa: S310 - our own loopback server
            f"{self._endpoint}/_local/{path}?{spelled}", data=body, method="POST"
        )
        request.add_header("Content-Type", "application/zip")
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise ReleaseError(f"the {path} was refused: {text}") from None
        return found
