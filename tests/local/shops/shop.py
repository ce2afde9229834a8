"""One service with its pipeline, driven as a developer and an operator do."""

import contextlib
import datetime as dt
import functools
import http.client
import io
import json
import secrets
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.clients import clients
from local.cloud import ACCOUNT, REGION, Cloud
from local.engine.network import connect
from local.release import Commit, Releases, Stage
from tests.local.emulator.driver import eventually, packed

SEED = "us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0"

_SECONDS = 120.0
_DOCKERFILE = 'FROM node:24-alpine\nCOPY app.mjs words /\nCMD ["node", "/app.mjs"]\n'
_APP = """\
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
const words = readFileSync('/words', 'utf8');
process.on('SIGTERM', () => process.exit(0));
const health = process.env.WORD === 'sick' ? 500 : HEALTH;
createServer((request, response) => {
  response.writeHead(request.url === '/health' ? health : 200);
  response.end(JSON.stringify({ words, word: process.env.WORD }));
}).listen(Number(process.env.PORT));
"""
GOOD = _APP.replace("HEALTH", "200")
SICK = _APP.replace("HEALTH", "500")
DEAD = "console.error('no such thing');\nprocess.exit(3);\n"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """An execution that is over.

    Attributes
    ----------
    stages
        Name -> stage, of those that began.
    """

    id: str
    status: str
    stages: Mapping[str, Stage]

    @property
    def reason(self) -> str:
        """Why it failed."""
        return "\n".join(stage.reason for stage in self.stages.values() if stage.reason)


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """What the two parameters hold."""

    live: str
    previous: str


class Shop:
    """A service with its pipeline, its repository and its pointer, all of one name.

    Parameters
    ----------
    cloud
        Where it is.
    name
        Its name.
    cluster
        The service's cluster.
    """

    def __init__(self, cloud: Cloud, name: str, cluster: str) -> None:
        self.name, self.cluster = name, cluster
        self.repository = f"shops/{name}"
        self.uri = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}"
        self.releases = Releases(cloud.endpoint)
        self._cloud = cloud
        self.client = functools.cache(clients(cloud.endpoint))

    # What a developer does.

    def commit(self, app: str = GOOD, **files: str) -> Commit:
        """Make a commit that no other is like."""
        folder = f"services/{self.name}"
        source = {
            f"{folder}/Dockerfile": _DOCKERFILE,
            f"{folder}/app.mjs": app,
            f"{folder}/words": secrets.token_hex(8),
            **files,
        }
        return Commit(id=secrets.token_hex(20), archive=packed(source))

    def changed(self, commit: Commit, **files: str) -> Commit:
        """Make a commit on top of another."""
        with zipfile.ZipFile(io.BytesIO(commit.archive)) as archive:
            source = {name: archive.read(name) for name in archive.namelist()}
        return Commit(id=secrets.token_hex(20), archive=packed({**source, **files}))

    def push(self, commit: Commit, *, message: str = "a change", **options: Any) -> list[str]:
        """Push a commit; the ids of what it starts."""
        branch = options.pop("branch", "main")
        return self.releases.push(
            commit, repository=self.repository, branch=branch, message=message, **options
        )

    def begin(self, app: str = GOOD, *, message: str = "a change", **files: str) -> str:
        """Push a commit that starts one execution."""
        (execution,) = self.push(self.commit(app, **files), message=message)
        return execution

    def end_of(self, execution: str, pipeline: str | None = None) -> Ended:
        """Follow an execution to its end."""
        stages: dict[str, Stage] = {}
        status = self.releases.follow(
            pipeline or self.name,
            execution,
            on_change=lambda stage: stages.update({stage.name: stage}),
            seconds=_SECONDS,
        )
        ended = Ended(id=execution, status=status, stages=stages)
        # Shown where a test fails.
        print(f"{self.name} {execution}: {status}", *stages.values(), sep="\n  ")
        return ended

    def release(self, app: str = GOOD, *, message: str = "a change", **files: str) -> Ended:
        """Push a commit and follow its release."""
        return self.end_of(self.begin(app, message=message, **files))

    def released(self) -> Pointer:
        """Release unless something is live already, and return what is."""
        if self.pointer().live == SEED:
            assert self.release().status == "Succeeded"
        return self.pointer()

    # What is there to see.

    def pointer(self) -> Pointer:
        ssm = self.client("ssm")
        name = f"/container-pipelines/{self.name}/image"
        live, previous = (
            ssm.get_parameter(Name=found)["Parameter"]["Value"]
            for found in (name, f"{name}-previous")
        )
        return Pointer(live=live, previous=previous)

    def image_of(self, execution: str) -> str:
        """The image that an execution has built, by digest."""
        return self.output(execution, "Build")["IMAGE_URI"]

    def output(self, execution: str, action: str) -> dict[str, str]:
        """The variables of an action's last run."""
        found: dict[str, str] = self.runs(execution, action)[0]["output"]["outputVariables"]
        return found

    def runs(self, execution: str, action: str | None = None) -> list[dict[str, Any]]:
        """The runs of actions in an execution, the last one first."""
        listed = self.client("codepipeline").list_action_executions(
            pipelineName=self.name, filter={"pipelineExecutionId": execution}
        )["actionExecutionDetails"]
        return [run for run in listed if action in (None, run["actionName"])]

    def waits(self, execution: str, stage: str) -> None:
        """Wait until an execution stands before a stage that it may not enter."""

        def standing() -> bool:
            (state,) = (s for s in self.states() if s["stageName"] == stage)
            return bool(state.get("inboundExecution", {}).get("pipelineExecutionId") == execution)

        eventually(standing, _SECONDS)

    def states(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client("codepipeline").get_pipeline_state(
            name=self.name
        )["stageStates"]
        return found

    def status(self, execution: str) -> str:
        found = self.client("codepipeline").get_pipeline_execution(
            pipelineName=self.name, pipelineExecutionId=execution
        )["pipelineExecution"]
        return str(found["status"])

    def forward_to(self, hour: int) -> None:
        """Let time pass until it is half past an hour (UTC)."""
        with urllib.request.urlopen(f"{self._cloud.endpoint}/_local/clock") as answer:  # noqa: S310
            now = dt.datetime.fromtimestamp(json.load(answer)["now"], dt.UTC)
        then = now.replace(hour=hour, minute=30, second=0, microsecond=0)
        if then <= now:
            then += dt.timedelta(days=1)
        self.releases.wait_as_if((then - now).total_seconds())

    def evaluates(self, execution: str) -> bool:
        """Return whether a rule of an execution runs."""
        rules = self.client("codepipeline").list_rule_executions(
            pipelineName=self.name, filter={"pipelineExecutionId": execution}
        )["ruleExecutionDetails"]
        return any(rule["status"] == "InProgress" for rule in rules)

    def set_alarm(self, name: str, state: str) -> None:
        """Set the state of an alarm."""
        self.client("cloudwatch").set_alarm_state(
            AlarmName=name, StateValue=state, StateReason="a test"
        )

    def images(self) -> set[str]:
        """The digests in the repository."""
        listed = self.client("ecr").list_images(repositoryName=self.name)["imageIds"]
        return {image["imageDigest"] for image in listed}

    def tagged(self, tag: str) -> str:
        """Return the image that has a tag."""
        (found,) = self.client("ecr").describe_images(
            repositoryName=self.name, imageIds=[{"imageTag": tag}]
        )["imageDetails"]
        return f"{self.uri}@{found['imageDigest']}"

    def service(self) -> dict[str, Any]:
        (found,) = self.client("ecs").describe_services(cluster=self.cluster, services=[self.name])[
            "services"
        ]
        service: dict[str, Any] = found
        return service

    def container(self) -> dict[str, Any]:
        """The container of the revision that the service has."""
        described = self.client("ecs").describe_task_definition(
            taskDefinition=self.service()["taskDefinition"]
        )
        (container,) = described["taskDefinition"]["containerDefinitions"]
        found: dict[str, Any] = container
        return found

    def deployed(self) -> list[str]:
        """The images of the service's deployments, the last one first."""
        ecs = self.client("ecs")
        listed = ecs.list_service_deployments(cluster=self.cluster, service=self.name)
        arns = [found["targetServiceRevisionArn"] for found in listed["serviceDeployments"]]
        revisions = {
            revision["serviceRevisionArn"]: revision["containerImages"]
            for revision in ecs.describe_service_revisions(serviceRevisionArns=arns)[
                "serviceRevisions"
            ]
        }
        return [image["image"] for arn in arns for image in revisions[arn]]

    def tasks(self) -> list[dict[str, Any]]:
        """The tasks that run."""
        ecs = self.client("ecs")
        arns = ecs.list_tasks(cluster=self.cluster, serviceName=self.name)["taskArns"]
        if not arns:
            return []
        found = ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"]
        return [task for task in found if task["lastStatus"] == "RUNNING"]

    def answers(self) -> list[dict[str, str]]:
        """What the running containers say over HTTP."""
        return [json.loads(self._get(task)) for task in self.tasks()]

    def _get(self, task: Mapping[str, Any]) -> bytes:
        (address,) = (
            detail["value"]
            for detail in task["attachments"][0]["details"]
            if detail["name"] == "privateIPv4Address"
        )
        assert self._cloud.engine is not None
        namespace = self._cloud.engine.environment.get("CONTAINER_NETWORK_NAMESPACE")
        client = http.client.HTTPConnection(address)
        client.sock = connect((address, 3000), 10, Path(namespace) if namespace else None)
        with contextlib.closing(client):
            client.request("GET", "/")
            return client.getresponse().read()

    def runs_only(self, image: str) -> None:
        """Check that the service runs an image, in all of its tasks, and is through with it."""
        service, tasks = self.service(), self.tasks()
        assert [d["rolloutState"] for d in service["deployments"] if d["status"] == "PRIMARY"] == [
            "COMPLETED"
        ]
        assert self.container()["image"] == image
        assert len(tasks) == service["desiredCount"] == 1
        assert {container["image"] for task in tasks for container in task["containers"]} == {image}

    # What an operator does.

    def start(self, **variables: str) -> Ended:
        """Start the pipeline by hand and follow it."""
        return self.end_of(self.releases.start(self.name, **variables))

    def retry(self, execution: str, stage: str = "Deploy") -> Ended:
        """Retry what failed in a stage, and follow the execution."""
        self.client("codepipeline").retry_stage_execution(
            pipelineName=self.name,
            stageName=stage,
            pipelineExecutionId=execution,
            retryMode="FAILED_ACTIONS",
        )
        return self.end_of(execution)

    def abandon(self, execution: str) -> None:
        """Stop an execution at once."""
        self.client("codepipeline").stop_pipeline_execution(
            pipelineName=self.name, pipelineExecutionId=execution, abandon=True
        )
        assert self.end_of(execution).status == "Stopped"

    def rollback(self) -> str:
        """Wait for the roll-back that has followed on the last execution."""

        def begun() -> str | None:
            newest = self.client("codepipeline").list_pipeline_executions(pipelineName=self.name)
            found = newest["pipelineExecutionSummaries"][0]
            return found["pipelineExecutionId"] if found["executionType"] == "ROLLBACK" else None

        return str(eventually(begun))

    def approval(self) -> None:
        """Wait until an approval is pending."""

        def asked() -> bool:
            return any(
                action.get("latestExecution", {}).get("token")
                for state in self.states()
                for action in state["actionStates"]
            )

        eventually(asked, _SECONDS)

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Check that neither the pointer nor what runs is another afterwards."""
        pointer, tasks = self.pointer(), {task["taskArn"] for task in self.tasks()}
        assert tasks
        yield
        assert self.pointer() == pointer
        assert {task["taskArn"] for task in self.tasks()} == tasks
        if pointer.live != SEED:
            self.runs_only(pointer.live)


def fails(ended: Ended, stage: str, *words: str) -> None:
    """Check that an execution has failed in a stage, with these words in its reason."""
    assert ended.status == "Failed"
    assert list(ended.stages)[-1] == stage
    for word in words:
        if word not in ended.stages[stage].reason:
            pytest.fail(f"no '{word}' in: {ended.stages[stage].reason}")
