"""The app deployed by the real CDK CLI, and releases of the sample application by its pipeline."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.clients import clients
from local.cloud import ACCOUNT, REGION, Cloud
from local.demo import SAMPLE
from local.release import Commit, Releases, Running, Stage
from local.slack import local_settings
from local.toolkit import ROOT, Toolkit

pytestmark = pytest.mark.e2e

PIPELINE = "my-container-app"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/my-container-app"

SECOND_CLOUD = """
import sys
from pathlib import Path
from local.cloud import claim
with claim(Path(sys.argv[1])):
    pass
"""


@pytest.fixture(scope="module")
def releases(cloud: Cloud) -> Releases:
    return Releases(cloud.endpoint)


@pytest.fixture(scope="module")
def client(cloud: Cloud) -> Callable[[str], Any]:
    return clients(cloud.endpoint)


@pytest.fixture
def running(releases: Releases) -> Callable[[], Running]:
    cluster, service = releases.deploy_targets(PIPELINE)
    return lambda: releases.running(cluster, service)


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """The sample application, to be changed."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "application"))


@pytest.fixture
def release(engine: Cloud, releases: Releases) -> Callable[[Path], tuple[str, dict[str, Stage]]]:
    """Push a folder and follow its release: how it ended, and its stages."""

    def release(folder: Path) -> tuple[str, dict[str, Stage]]:
        stages: dict[str, Stage] = {}
        repository, branch = releases.source(PIPELINE)
        (execution,) = releases.push(
            Commit.of(folder), repository=repository, branch=branch, message="test"
        )
        status = releases.follow(
            PIPELINE,
            execution,
            on_change=lambda stage: stages.update({stage.name: stage}),
            seconds=300,
        )
        return status, stages

    return release


@contextlib.contextmanager
def findings(cloud: Cloud, *found: dict[str, str]) -> Iterator[None]:
    """What scans of the service's images find meanwhile."""

    def prepare(found: Sequence[dict[str, str]]) -> None:
        query = f"account={ACCOUNT}&region={REGION}&repository=my-container-app"
        request = urllib.request.Request(  # noqa: S310 - the cloud's own address
            f"{cloud.endpoint}/_local/scan-findings?{query}",
            data=json.dumps({"findings": list(found)}).encode(),
            method="POST",
        )
        urllib.request.urlopen(request).close()  # noqa: S310

    prepare(found)
    try:
        yield
    finally:
        prepare([])


def greet(application: Path, words: str) -> None:
    greeting = application / "src" / "greeting.js"
    greeting.write_text(f"export const GREETING = '{words}';\n")


def test_the_first_deployment_comes_up_on_the_seed_image(client: Callable[[str], Any]) -> None:
    definitions = client("ecs").describe_task_definition(taskDefinition="my-container-app:1")
    (container,) = definitions["taskDefinition"]["containerDefinitions"]
    assert container["image"] == "us-docker.pkg.dev/google-samples/containers/gke/hello-app:1.0"
    assert container["environment"] == [{"name": "PORT", "value": "3000"}]


def test_nothing_differs_right_after_the_deployment(cloud: Cloud) -> None:
    toolkit = Toolkit(
        environment=cloud.environment,
        assembly=cloud.folder / "cdk.out",
        log=cloud.folder / "diff.log",
    )
    assert "Number of stacks with differences: 0" in toolkit.diff()


def test_one_changed_setting_is_the_whole_difference(cloud: Cloud, tmp_path: Path) -> None:
    delivery = local_settings()
    delivery["services"][0]["health_check"]["interval_seconds"] = 15
    assembly = tmp_path / "cdk.out"
    toolkit = Toolkit(environment=cloud.environment, assembly=assembly, log=tmp_path / "diff.log")
    toolkit.synth("--context", f"delivery={json.dumps(delivery)}")
    said = toolkit.diff()
    assert "Number of stacks with differences: 1" in said
    changes = re.findall(r"^\[[+~-]\].*$", said, flags=re.MULTILINE)
    assert len(changes) == 1
    assert "AWS::ElasticLoadBalancingV2::TargetGroup" in changes[0]
    assert re.findall(r"─ \[[+~-]\] (\S+)", said) == ["HealthCheckIntervalSeconds", "30", "15"]


def test_a_release_builds_pushes_and_deploys_the_digest(
    release: Callable[[Path], tuple[str, dict[str, Stage]]],
    application: Path,
    running: Callable[[], Running],
    client: Callable[[str], Any],
) -> None:
    before = running()
    status, stages = release(application)
    assert (status, list(stages)) == ("Succeeded", ["Source", "Build", "Deploy"])
    after = running()
    assert after.task_definition != before.task_definition
    repository, digest = after.image.split("@")
    assert repository == REPOSITORY
    pushed = client("ecr").describe_images(
        repositoryName="my-container-app", imageIds=[{"imageDigest": digest}]
    )
    tag = Commit.of(application).id[:7]
    assert [tag in image["imageTags"] for image in pushed["imageDetails"]] == [True]


def test_a_changed_line_deploys_another_digest(
    release: Callable[[Path], tuple[str, dict[str, Stage]]],
    application: Path,
    running: Callable[[], Running],
) -> None:
    greet(application, "Hello for the first time")
    assert release(application)[0] == "Succeeded"
    first = running()
    greet(application, "Hello for the second time")
    assert release(application)[0] == "Succeeded"
    second = running()
    assert first.image != second.image
    assert first.task_definition != second.task_definition


def test_the_same_commit_can_be_released_again(
    release: Callable[[Path], tuple[str, dict[str, Stage]]],
    application: Path,
    client: Callable[[str], Any],
) -> None:
    def tags() -> set[str]:
        images = client("ecr").describe_images(repositoryName="my-container-app")["imageDetails"]
        return {tag for image in images for tag in image.get("imageTags", [])}

    greet(application, "Hello twice")
    assert release(application)[0] == "Succeeded"
    once = tags()
    commit = Commit.of(application).id[:7]
    assert commit in once
    assert release(application)[0] == "Succeeded"
    (added,) = tags() - once
    assert re.fullmatch(rf"{commit}-\d+", added)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("FROM node:24-alpine\nRUN exit 7\n", r"exit code: 7"),
        ("FROM node:24-alpine\nCOPY missing .\n", r"/missing"),
        ("This is no Dockerfile\n", r"unknown instruction"),
    ],
    ids=["failing command", "missing file", "no Dockerfile"],
)
def test_a_failed_build_fails_there_with_a_reason_and_changes_nothing(
    release: Callable[[Path], tuple[str, dict[str, Stage]]],
    application: Path,
    running: Callable[[], Running],
    client: Callable[[str], Any],
    broken: str,
    reason: str,
) -> None:
    before, images = running(), client("ecr").list_images(repositoryName="my-container-app")
    (application / "Dockerfile").write_text(broken)
    status, stages = release(application)
    assert status == "Failed"
    assert stages["Source"].status == "Succeeded"
    assert stages["Build"].status == "Failed"
    assert re.search(reason, stages["Build"].reason)
    assert "Deploy" not in stages
    assert running() == before
    now = client("ecr").list_images(repositoryName="my-container-app")
    assert now["imageIds"] == images["imageIds"]


@pytest.mark.parametrize(
    ("severity", "status"), [("LOW", "Succeeded"), ("HIGH", "Failed"), ("CRITICAL", "Failed")]
)
def test_the_scan_of_the_pushed_image_decides(
    engine: Cloud,
    release: Callable[[Path], tuple[str, dict[str, Stage]]],
    application: Path,
    running: Callable[[], Running],
    severity: str,
    status: str,
) -> None:
    greet(application, f"Hello with a {severity} finding")
    before = running()
    with findings(engine, {"name": "CVE-2026-12345", "severity": severity}):
        ended, stages = release(application)
    assert ended == status
    if status == "Failed":
        assert "CVE-2026-12345" in stages["Build"].reason
        assert "Deploy" not in stages
        assert running() == before


def test_a_good_release_follows_a_failed_one(
    release: Callable[[Path], tuple[str, dict[str, Stage]]], application: Path
) -> None:
    greet(application, "Hello after all")
    assert release(application)[0] == "Succeeded"


def test_a_release_that_is_not_healthy_is_rolled_back_and_changes_nothing(
    release: Callable[[Path], tuple[str, dict[str, Stage]]],
    releases: Releases,
    application: Path,
    running: Callable[[], Running],
    client: Callable[[str], Any],
) -> None:
    cluster, service = releases.deploy_targets(PIPELINE)
    ecs, before = client("ecs"), running()
    tasks = ecs.list_tasks(cluster=cluster, serviceName=service)["taskArns"]
    app = application / "src" / "app.js"
    healthy = "[200, { status: 'healthy' }]"
    assert healthy in app.read_text()
    app.write_text(app.read_text().replace(healthy, "[500, { status: 'ill' }]"))

    status, stages = release(application)
    assert (status, stages["Deploy"].status) == ("Failed", "Failed")
    assert "circuit breaker" in stages["Deploy"].reason
    assert running() == before
    assert ecs.list_tasks(cluster=cluster, serviceName=service)["taskArns"] == tasks
    newest = ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"][0]
    assert newest["status"] == "ROLLBACK_SUCCESSFUL"
    stopped = ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="STOPPED")
    reported = ecs.describe_tasks(cluster=cluster, tasks=stopped["taskArns"])["tasks"]
    reasons = [task["stoppedReason"] for task in reported]
    assert (
        sum(r.startswith("Task failed ELB health checks in (target-group ") for r in reasons) == 3
    )


def test_a_deployment_that_changes_everything_but_the_image_keeps_it(
    release: Callable[[Path], tuple[str, dict[str, Stage]]],
    application: Path,
    cloud: Cloud,
    releases: Releases,
    running: Callable[[], Running],
    tmp_path: Path,
) -> None:
    assert release(application)[0] == "Succeeded"
    released, recorded = running().image, releases.recorded(PIPELINE)
    delivery = local_settings()
    # What a stack's own parameter would be written again for; and a task definition that reads it.
    delivery["services"][0]["container"].update(
        seed_image="example.com/another-seed:1", environment={"WORD": "new"}
    )
    toolkit = Toolkit(
        environment=cloud.environment, assembly=tmp_path / "cdk.out", log=tmp_path / "tags.log"
    )
    toolkit.synth("--context", f"delivery={json.dumps(delivery)}")
    toolkit.deploy("--tags", "cost-centre=shop")
    assert running().image == released
    assert releases.recorded(PIPELINE) == recorded
    back = Toolkit(
        environment=cloud.environment,
        assembly=cloud.folder / "cdk.out",
        log=tmp_path / "back.log",
    )
    back.deploy("--tags", "cost-centre=other")
    assert running().image == released
    assert releases.recorded(PIPELINE) == recorded


def test_the_build_log_shows_no_login(
    engine: Cloud,
    release: Callable[[Path], tuple[str, dict[str, Stage]]],
    application: Path,
    client: Callable[[str], Any],
) -> None:
    greet(application, "Hello in secret")
    assert release(application)[0] == "Succeeded"
    token = client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    logs = client("logs")
    lines = [
        event["message"]
        for group in logs.describe_log_groups()["logGroups"]
        for stream in logs.describe_log_streams(logGroupName=group["logGroupName"])["logStreams"]
        for event in logs.get_log_events(
            logGroupName=group["logGroupName"], logStreamName=stream["logStreamName"]
        )["events"]
    ]
    assert any("Logging in to Amazon ECR" in line for line in lines)
    assert not [line for line in lines if token in line]


def test_a_second_cloud_in_the_same_folder_is_refused(cloud: Cloud) -> None:
    finished = subprocess.run(
        [
            sys.executable,
            "-c",
            SECOND_CLOUD,
            str(cloud.folder),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    assert "a local cloud is running from this checkout already" in finished.stderr


@pytest.fixture(autouse=True)
def _the_cloud_stays_up(cloud: Cloud) -> Iterator[None]:
    yield
    assert "Traceback" not in (cloud.folder / "emulator.log").read_text()
