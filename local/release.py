"""A release in a local cloud: push a commit, follow the pipeline, see what runs."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3

from local.cloud import ACCOUNT, REGION

if TYPE_CHECKING:
    from types_boto3_codepipeline import CodePipelineClient
    from types_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef
    from types_boto3_ecs import ECSClient

_POLL_SECONDS: Final = 0.25
_ENDED: Final = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")


class ReleaseError(RuntimeError):
    """A release failed; the message says where and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A stage of a pipeline execution.

    Attributes
    ----------
    name
        The stage's name.
    status
        AWS's word for how it stands; empty before it begins.
    reason
        Why it failed; empty otherwise.
    seconds
        How long its actions have taken so far.
    """

    name: str
    status: str
    reason: str
    seconds: float


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A folder as a commit.

    Attributes
    ----------
    id
        The commit's id, by its content.
    archive
        The files as a zip, the same bytes for the same files.
    """

    id: str
    archive: bytes

    @staticmethod
    def of(folder: Path) -> Commit:
        """Zip the files that belong to a folder: without what Git ignores.

        Parameters
        ----------
        folder
            The folder; of a Git checkout, or a plain one, which is taken whole.

        Returns
        -------
        Commit
            The commit.
        """
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in _files(folder):
                info = zipfile.ZipInfo(file.relative_to(folder).as_posix(), (2000, 1, 1, 0, 0, 0))
                info.external_attr = (file.stat().st_mode & 0o777) << 16
                archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)
        content = buffer.getvalue()
        return Commit(id=hashlib.sha1(content, usedforsecurity=False).hexdigest(), archive=content)


class Releases:
    """The releases of a local cloud.

    Parameters
    ----------
    endpoint
        The cloud's address.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        session = boto3.Session(
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="local",  # noqa: S106 - no secret
            region_name=REGION,
        )
        self._pipelines: CodePipelineClient = session.client("codepipeline", endpoint_url=endpoint)
        self._ecs: ECSClient = session.client("ecs", endpoint_url=endpoint)

    def push(self, commit: Commit, *, repository: str, branch: str, message: str) -> list[str]:
        """Make a commit the newest of a branch, which starts the pipelines that watch it.

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

        Returns
        -------
        list of str
            The ids of the executions that it started.

        Raises
        ------
        ReleaseError
            If the cloud refuses it.
        """
        query = urllib.parse.urlencode(
            {
                "account": ACCOUNT,
                "region": REGION,
                "repository": repository,
                "branch": branch,
                "commit": commit.id,
                "message": message,
                "author": "Local Developer",
            }
        )
        request = urllib.request.Request(  # noqa: S310 - our own loopback server
            f"{self._endpoint}/_local/push?{query}", data=commit.archive, method="POST"
        )
        request.add_header("Content-Type", "application/zip")
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                executions: list[str] = json.load(answer)["executions"]
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise ReleaseError(f"the commit was refused: {text}") from None
        return executions

    def follow(
        self, pipeline: str, execution: str, *, seen: Callable[[Stage], None], seconds: float
    ) -> str:
        """Watch an execution until it ends.

        Parameters
        ----------
        pipeline
            The pipeline's name.
        execution
            The execution's id.
        seen
            Called with each stage as its status changes.
        seconds
            How long to watch at most.

        Returns
        -------
        str
            The status with which it ended.

        Raises
        ------
        ReleaseError
            If it has not ended in time.
        """
        known: dict[str, str] = {}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended = self._status(pipeline, execution)
            for stage in self._stages(pipeline, execution):
                if known.get(stage.name) != stage.status:
                    known[stage.name] = stage.status
                    seen(stage)
            if ended in _ENDED:
                return ended
            time.sleep(_POLL_SECONDS)
        raise ReleaseError(f"{pipeline} has not ended in {seconds:.0f} s")

    def running(self, cluster: str, service: str) -> Running:
        """Tell what a service runs.

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

    def pipelines(self) -> list[str]:
        """List the pipelines.

        Returns
        -------
        list of str
            Their names.
        """
        return sorted(found["name"] for found in self._pipelines.list_pipelines()["pipelines"])

    def deploy_targets(self, pipeline: str) -> tuple[str, str]:
        """Give the cluster and the service that a pipeline deploys to.

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
            If it has no ECS action.
        """
        for stage in self._pipelines.get_pipeline(name=pipeline)["pipeline"]["stages"]:
            for action in stage["actions"]:
                if action["actionTypeId"]["provider"] == "ECS":
                    configuration = action.get("configuration", {})
                    return configuration["ClusterName"], configuration["ServiceName"]
        raise ReleaseError(f"{pipeline} has no ECS deploy action")

    def watched(self, pipeline: str) -> tuple[str, str]:
        """Give the repository and the branch that a pipeline watches.

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

    def _stages(self, pipeline: str, execution: str) -> list[Stage]:
        listed = self._pipelines.list_action_executions(
            pipelineName=pipeline, filter={"pipelineExecutionId": execution}
        )
        # Newest first.
        actions = list(reversed(listed["actionExecutionDetails"]))
        names = dict.fromkeys(action["stageName"] for action in actions)
        return [_stage(name, [a for a in actions if a["stageName"] == name]) for name in names]


def _stage(name: str, actions: list[ActionExecutionDetailTypeDef]) -> Stage:
    statuses = [action["status"] for action in actions]
    status = next((s for s in statuses if s != "Succeeded"), "Succeeded")
    results = [action.get("output", {}).get("executionResult", {}) for action in actions]
    reasons = [result.get("errorDetails", {}).get("message", "") for result in results]
    took = max(a["lastUpdateTime"] for a in actions) - min(a["startTime"] for a in actions)
    return Stage(
        name=name,
        status=status,
        reason="\n".join(filter(None, reasons)),
        seconds=took.total_seconds(),
    )


def _files(folder: Path) -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "."],
            cwd=folder,
            capture_output=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        # No Git, or no checkout: all but what no commit would hold.
        files = [
            file
            for file in folder.rglob("*")
            if not {".git", "node_modules"} & set(file.relative_to(folder).parts)
        ]
    else:
        files = [folder / name for name in filter(None, listed.stdout.decode().split("\0"))]
    return sorted({file for file in files if file.is_file()})
