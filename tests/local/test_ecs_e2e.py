"""Services whose tasks are real containers: what comes up, what does not, and what is left."""

import base64
import contextlib
import dataclasses
import http.client
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.clients import clients
from local.cloud import ACCOUNT, REGION, Cloud, open_cloud
from local.engine.network import connect

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
SERVER = """
import { createServer } from 'node:http';
import { writeFileSync } from 'node:fs';
let writable = true;
try { writeFileSync('/file', ''); } catch { writable = false; }
const tell = (response, status, what) => response.writeHead(status).end(JSON.stringify(what));
createServer((request, response) => {
  if (request.url === '/health') tell(response, Number(process.env.HEALTH || 200), {});
  else tell(response, 200, { env: process.env, uid: process.getuid(), args: process.argv.slice(2),
                             writable });
}).listen(3000);
console.log('a line of the log');
if (process.env.DEAF) process.on('SIGTERM', () => {});
else process.on('SIGTERM', () => process.exit(0));
if (process.env.EXIT) process.exit(Number(process.env.EXIT));
"""
CANNOT_PULL = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve "
    "ref {0}: {0}: not found"
)
DOCKERFILE = """\
FROM node:24-alpine
COPY server.mjs /
ENTRYPOINT ["node", "/server.mjs"]
"""


class Stage:
    """A cluster with an image in the registry, and services of it."""

    def __init__(self, cloud: Cloud) -> None:
        assert cloud.engine is not None
        self.cloud, self.engine = cloud, cloud.engine
        self.client = clients(cloud.endpoint)
        self.ecs = self.client("ecs")
        self.name = f"ecs-{secrets.token_hex(3)}"
        self.ecs.create_cluster(clusterName=self.name)
        self.image = f"{REGISTRY}/{self.name}:1"

    def docker(self, *arguments: str, text: str | None = None) -> str:
        done = subprocess.run(
            ["docker", *arguments],
            env={**os.environ, **self.engine.environment},
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self, folder: Path) -> None:
        self.client("ecr").create_repository(repositoryName=self.name)
        (folder / "server.mjs").write_text(SERVER)
        (folder / "Dockerfile").write_text(DOCKERFILE)
        self.docker("build", "--quiet", "--tag", self.image, str(folder))
        self.docker("login", "--username", "AWS", "--password-stdin", REGISTRY, text=self._token())
        self.docker("push", "--quiet", self.image)

    def _token(self) -> str:
        data = self.client("ecr").get_authorization_token()["authorizationData"][0]
        return base64.b64decode(data["authorizationToken"]).decode().removeprefix("AWS:")

    def definition(self, **container: Any) -> str:
        environment = container.pop("environment", {})
        registered = self.ecs.register_task_definition(
            family=self.name,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "app",
                    "image": self.image,
                    "portMappings": [{"containerPort": 3000}],
                    "stopTimeout": 2,
                    "environment": [{"name": n, "value": v} for n, v in environment.items()],
                    **container,
                }
            ],
        )
        return str(registered["taskDefinition"]["taskDefinitionArn"])

    def target_group(self) -> str:
        made = self.client("elbv2").create_target_group(
            Name=f"t-{secrets.token_hex(4)}",
            Protocol="HTTP",
            Port=3000,
            VpcId="vpc-1",
            TargetType="ip",
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=20,
            UnhealthyThresholdCount=2,
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def service(self, definition: str, *, count: int = 1, group: str | None = None) -> str:
        name = f"service-{secrets.token_hex(3)}"
        balancers = [{"targetGroupArn": group, "containerName": "app", "containerPort": 3000}]
        self.ecs.create_service(
            cluster=self.name,
            serviceName=name,
            taskDefinition=definition,
            desiredCount=count,
            launchType="FARGATE",
            loadBalancers=balancers if group else [],
            deploymentConfiguration={
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
                "minimumHealthyPercent": 100,
                "maximumPercent": 200,
            },
        )
        return name

    def update(self, service: str, **change: Any) -> None:
        self.ecs.update_service(cluster=self.name, service=service, **change)

    def deployment(self, service: str) -> dict[str, Any]:
        """Wait until the newest deployment has ended."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            newest = self.ecs.list_service_deployments(cluster=self.name, service=service)
            (described,) = self.ecs.describe_service_deployments(
                serviceDeploymentArns=[newest["serviceDeployments"][0]["serviceDeploymentArn"]]
            )["serviceDeployments"]
            if described["status"] not in ("PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS"):
                found: dict[str, Any] = described
                return found
            time.sleep(0.1)
        pytest.fail(f"{described}\n{self.events(service)}")

    def events(self, service: str) -> list[str]:
        (found,) = self.ecs.describe_services(cluster=self.name, services=[service])["services"]
        return [event["message"] for event in found["events"]]

    def tasks(self, service: str, status: str = "RUNNING") -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster=self.name, serviceName=service, desiredStatus=status)
        if not arns["taskArns"]:
            return []
        found: list[dict[str, Any]] = self.ecs.describe_tasks(
            cluster=self.name, tasks=arns["taskArns"]
        )["tasks"]
        return found

    def ended(self, service: str) -> list[dict[str, Any]]:
        """Wait until all tasks that are to stop have stopped."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            found = self.tasks(service, "STOPPED")
            if all(task["lastStatus"] == "STOPPED" for task in found):
                return found
            time.sleep(0.1)
        pytest.fail(str(found))

    def get(self, task: Mapping[str, Any], path: str = "/") -> tuple[int, Any]:
        """Ask a task's container over HTTP, in its network."""
        (address,) = (
            detail["value"]
            for detail in task["attachments"][0]["details"]
            if detail["name"] == "privateIPv4Address"
        )
        namespace = self.engine.environment.get("CONTAINER_NETWORK_NAMESPACE")
        client = http.client.HTTPConnection(address)
        client.sock = connect((address, 3000), 10, Path(namespace) if namespace else None)
        with contextlib.closing(client):
            client.request("GET", path)
            answer = client.getresponse()
            return answer.status, json.loads(answer.read())

    def containers(self, task: Mapping[str, Any]) -> list[str]:
        label = task["taskArn"].rpartition("/")[2]
        return self.docker("container", "ls", "--quiet", "--filter", f"name={label}").split()


@pytest.fixture(scope="module")
def stage(engine: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    stage = Stage(engine)
    stage.push(tmp_path_factory.mktemp("image"))
    return stage


@pytest.fixture
def running(stage: Stage) -> Iterator[Callable[..., str]]:
    """Make services that are gone after the test."""
    made: list[str] = []

    def make(definition: str, **options: Any) -> str:
        made.append(stage.service(definition, **options))
        return made[-1]

    yield make
    for name in made:
        with contextlib.suppress(stage.ecs.exceptions.ServiceNotFoundException):
            stage.ecs.delete_service(cluster=stage.name, service=name, force=True)


def gone(stage: Stage, tasks: list[dict[str, Any]]) -> None:
    deadline = time.monotonic() + 30
    while any(stage.containers(task) for task in tasks):
        assert time.monotonic() < deadline, "containers are left"
        time.sleep(0.1)


def test_a_good_image_becomes_healthy_and_answers(
    stage: Stage, running: Callable[..., str]
) -> None:
    stage.client("ssm").put_parameter(Name="/word", Value="silence", Type="SecureString")
    logs = stage.client("logs")
    logs.create_log_group(logGroupName=stage.name)
    group = stage.target_group()
    definition = stage.definition(
        environment={"WORD": "a b\nc", "PATH": "/usr/local/bin:/usr/bin"},
        command=["--some", "thing"],
        user="1000",
        readonlyRootFilesystem=True,
        secrets=[{"name": "SECRET", "valueFrom": "/word"}],
        logConfiguration={
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": stage.name,
                "awslogs-region": REGION,
                "awslogs-stream-prefix": "app",
            },
        },
    )
    service = running(definition, count=2, group=group)
    assert stage.deployment(service)["status"] == "SUCCESSFUL"
    tasks = stage.tasks(service)
    assert [task["lastStatus"] for task in tasks] == ["RUNNING"] * 2
    images = stage.client("ecr").describe_images(
        repositoryName=stage.name, imageIds=[{"imageTag": "1"}]
    )["imageDetails"]
    for task in tasks:
        (container,) = task["containers"]
        assert container["image"] == stage.image
        assert container["imageDigest"] == images[0]["imageDigest"]
        status, reported = stage.get(task)
        assert status == 200
        assert reported["env"]["WORD"] == "a b\nc"
        assert reported["env"]["SECRET"] == "silence"
        assert reported["env"]["PATH"] == "/usr/local/bin:/usr/bin"
        assert reported["uid"] == 1000
        assert reported["args"] == ["--some", "thing"]
        assert reported["writable"] is False
    health = stage.client("elbv2").describe_target_health(TargetGroupArn=group)
    states = [each["TargetHealth"]["State"] for each in health["TargetHealthDescriptions"]]
    assert states == ["healthy"] * 2
    streams = logs.describe_log_streams(logGroupName=stage.name)["logStreams"]
    assert len(streams) == 2
    written = logs.get_log_events(
        logGroupName=stage.name, logStreamName=streams[0]["logStreamName"]
    )
    assert [event["message"] for event in written["events"]] == ["a line of the log"]

    stage.update(service, desiredCount=0)
    stopped = stage.ended(service)
    gone(stage, tasks)
    assert {task["containers"][0].get("exitCode") for task in stopped} == {0}
    assert stopped[0]["stopCode"] == "ServiceSchedulerInitiated"
    assert stopped[0]["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-")


def test_an_image_that_fails_its_health_check_is_rolled_back(
    stage: Stage, running: Callable[..., str]
) -> None:
    group = stage.target_group()
    service = running(stage.definition(), count=2, group=group)
    good = stage.deployment(service)
    before = stage.tasks(service)

    stage.update(service, taskDefinition=stage.definition(environment={"HEALTH": "500"}))
    failed = stage.deployment(service)
    assert failed["status"] == "ROLLBACK_SUCCESSFUL", stage.events(service)
    assert failed["rollback"]["serviceRevisionArn"] == good["targetServiceRevision"]["arn"]
    breaker = failed["deploymentCircuitBreaker"]
    assert (breaker["status"], breaker["threshold"]) == ("TRIGGERED", 3)
    after = stage.tasks(service)
    assert {task["taskArn"] for task in after} == {task["taskArn"] for task in before}
    assert [stage.get(task, "/health")[0] for task in after] == [200] * 2
    unhealthy = [
        task
        for task in stage.tasks(service, "STOPPED")
        if task["stoppedReason"] == f"Task failed ELB health checks in (target-group {group})"
    ]
    assert len(unhealthy) >= 3
    assert {task["stopCode"] for task in unhealthy} == {"ServiceSchedulerInitiated"}
    assert any(
        "(reason Health checks failed with these codes: [500])" in each
        for each in stage.events(service)
    )
    gone(stage, unhealthy)


@pytest.mark.parametrize(
    ("change", "code", "reason", "exit_code"),
    [
        ({"environment": {"EXIT": "3"}}, "EssentialContainerExited",
         "Essential container in task exited", 3),
        ({"image": f"{REGISTRY}/nothing-like-it:1"}, "TaskFailedToStart",
         CANNOT_PULL.format(f"{REGISTRY}/nothing-like-it:1"),
         None),
        ({"entryPoint": ["/no-such-program"]}, "TaskFailedToStart", "Task failed to start", 127),
        ({"secrets": [{"name": "S", "valueFrom": "/no-such-parameter"}]}, "TaskFailedToStart",
         "ResourceInitializationError: unable to pull secrets or registry auth", None),
        ({"healthCheck": {"command": ["CMD-SHELL", "exit 1"], "interval": 5, "retries": 2}},
         "ServiceSchedulerInitiated", "Task failed container health checks", 0),
    ],
    ids=["exits", "no image", "no program", "no secret", "container health check"],
)  # fmt: skip
def test_what_does_not_come_up_is_rolled_back_and_says_why(
    stage: Stage,
    running: Callable[..., str],
    change: dict[str, Any],
    code: str,
    reason: str,
    exit_code: int | None,
) -> None:
    service = running(stage.definition())
    stage.deployment(service)
    (before,) = stage.tasks(service)
    stage.update(service, taskDefinition=stage.definition(**change))
    assert stage.deployment(service)["status"] == "ROLLBACK_SUCCESSFUL", stage.events(service)
    (after,) = stage.tasks(service)
    assert after["taskArn"] == before["taskArn"]
    failed = [task for task in stage.ended(service) if task["stopCode"] == code]
    assert len(failed) >= 3
    for task in failed:
        assert task["stoppedReason"].startswith(reason)
        assert task["containers"][0].get("exitCode") == exit_code


def test_old_tasks_stop_only_after_the_new_ones_are_healthy(
    stage: Stage, running: Callable[..., str]
) -> None:
    group = stage.target_group()
    service = running(stage.definition(), group=group)
    stage.deployment(service)
    (before,) = stage.tasks(service)
    # It takes no notice of SIGTERM, so SIGKILL ends it: 128 + 9.
    deaf = stage.definition(environment={"DEAF": "yes"})
    stage.update(service, taskDefinition=deaf)
    assert stage.deployment(service)["status"] == "SUCCESSFUL"
    (after,) = stage.tasks(service)
    assert after["taskDefinitionArn"] == deaf
    (old,) = stage.tasks(service, "STOPPED")
    assert old["taskArn"] == before["taskArn"]
    assert old["stoppingAt"] >= after["startedAt"]
    stage.ecs.delete_service(cluster=stage.name, service=service, force=True)
    codes = {task["taskArn"]: task["containers"][0]["exitCode"] for task in stage.ended(service)}
    assert codes == {before["taskArn"]: 0, after["taskArn"]: 137}
    gone(stage, [before, after])


def test_the_seed_image_runs(engine: Cloud) -> None:
    stage = Stage(engine)
    seed = "us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0"
    service = stage.service(
        stage.definition(image=seed, environment={"PORT": "3000"}), group=stage.target_group()
    )
    assert stage.deployment(service)["status"] == "SUCCESSFUL", stage.events(service)
    stage.ecs.delete_service(cluster=stage.name, service=service, force=True)


def test_nothing_is_left_when_the_cloud_ends(engine: Cloud, tmp_path: Path) -> None:
    with open_cloud(
        tmp_path, engine_cache=ROOT / ".cache" / "engine", progress=lambda _: None
    ) as cloud:
        stage = Stage(cloud)
        if stage.engine.kind != "private":
            pytest.skip("what runs in Docker is Docker's; its end is tested with its label")
        stage.push(tmp_path)
        service = stage.service(stage.definition(environment={"DEAF": "yes", "MARK": stage.name}))
        stage.deployment(service)
        assert processes(stage.name)
    assert not processes(stage.name)


KILLED = """
import sys
from pathlib import Path
from local.cloud import open_cloud
folder, cache = map(Path, sys.argv[1:])
with open_cloud(folder, engine_cache=cache, progress=lambda _: None) as cloud:
    print(cloud.endpoint, json.dumps(dict(cloud.engine.environment)), sep="\\n", flush=True)
    sys.stdin.read()
"""


def test_nothing_is_left_when_the_cloud_is_killed(engine: Cloud, tmp_path: Path) -> None:
    if engine.engine is None or engine.engine.kind != "private":
        pytest.skip("what runs in Docker is removed by the next run")
    script = f"import json\n{KILLED}"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(ROOT / ".cache" / "engine")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        endpoint, environment = (process.stdout.readline().strip() for _ in range(2))
        kept = dataclasses.replace(engine.engine, environment=json.loads(environment))
        cloud = dataclasses.replace(engine, endpoint=endpoint, engine=kept)
        stage = Stage(cloud)
        stage.push(tmp_path)
        service = stage.service(stage.definition(environment={"DEAF": "yes", "MARK": stage.name}))
        stage.deployment(service)
        assert processes(stage.name)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 30
        while processes(stage.name) or processes(kept.environment["DOCKER_HOST"]):
            assert time.monotonic() < deadline, "processes are left"
            time.sleep(0.1)
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"{endpoint}/_local/health", timeout=5)  # noqa: S310


def processes(mark: str) -> list[str]:
    """Return the processes of this machine that have a word in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
    return found
