"""A pull request where permissions are evaluated: verified, and kept from what is released."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codeconnections as codeconnections
from aws_cdk import aws_s3 as s3

from container_pipelines import (
    BuildProject,
    EcrRepo,
    PhaseCommands,
    PullRequestPipeline,
    PullRequestRepository,
    Source,
)
from local.clients import clients
from local.cloud import ROOT, Cloud, open_cloud
from local.commit import Commit
from local.permissions import denied_calls
from local.release import Releases
from local.toolkit import Toolkit
from tests.local.apps import new_app
from tests.local.emulator.driver import eventually, packed

pytestmark = pytest.mark.e2e

CODE = "team/shop"
MAIN, FEATURE = "1" * 40, "2" * 40
FILES = {"Dockerfile": "FROM node:24-alpine\nRUN echo slow >/a\nCOPY b /b\n", "b": "main"}
# What the author of a pull request would do with the build's login, if it could.
ATTACK = """\
for tag in buildcache buildcache-image 2222222; do
  if docker buildx imagetools create --tag "$RELEASES:$tag" "$IMAGE_URI"; then
    echo "WRITTEN: $tag"
  fi
done
"""


@pytest.fixture(scope="module")
def cloud(
    tmp_path_factory: pytest.TempPathFactory, without_engine: Callable[[object], NoReturn]
) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("pull-requests")
    with open_cloud(folder, engine_cache=ROOT / ".cache/engine", progress=print) as cloud:
        if cloud.engine is None:
            without_engine(cloud.unavailable)
        deploy(cloud, folder / "cdk.out")
        yield cloud


def deploy(cloud: Cloud, assembly: Path) -> None:
    app = new_app(assembly)
    images = EcrRepo(cdk.Stack(app, "images"), "Images", repository_name="shop").repository
    stack = cdk.Stack(app, "shop")
    release = BuildProject(stack, "Build", repository=images, project_name="shop")
    s3.Bucket(stack, "Sources", bucket_name="sources").grant_read(release)
    connection = codeconnections.CfnConnection(
        stack, "Connection", connection_name="shop", provider_type="GitHub"
    )
    PullRequestPipeline(
        stack,
        "PullRequests",
        source=Source.github(connection_arn=connection.attr_connection_arn, repository=CODE),
        build=BuildProject(
            stack,
            "PullRequestBuild",
            repository=PullRequestRepository(
                stack, "PullRequestImages", repository_name="shop/pull-requests"
            ),
            cache_from=images,
            project_name="shop-pull-requests",
            commands=PhaseCommands(
                post_build=[f'RELEASES="${{REPOSITORY_URI%/pull-requests}}"\n{ATTACK}']
            ),
        ),
        pipeline_name="shop-pull-requests",
    )
    app.synth()
    toolkit = Toolkit(
        environment=cloud.environment, assembly=assembly, log=cloud.folder / "cdk.log"
    )
    toolkit.bootstrap()
    toolkit.deploy()


def images(cloud: Cloud, repository: str) -> dict[str, str]:
    """Tag -> digest."""
    found = clients(cloud.endpoint)("ecr").describe_images(repositoryName=repository)
    return {
        tag: image["imageDigest"]
        for image in found["imageDetails"]
        for tag in image.get("imageTags", ())
    }


def log_of(cloud: Cloud, build: Mapping[str, Any]) -> str:
    events = clients(cloud.endpoint)("logs").filter_log_events(
        logGroupName=build["logs"]["groupName"], logStreamNames=[build["logs"]["streamName"]]
    )["events"]
    return "\n".join(event["message"] for event in events)


def release_build(cloud: Cloud) -> None:
    """Build main as its pipeline does, so that there is a cache of releases."""
    client = clients(cloud.endpoint)
    client("s3").put_object(Bucket="sources", Key="main.zip", Body=packed(FILES))
    started = client("codebuild").start_build(
        projectName="shop",
        sourceTypeOverride="S3",
        sourceLocationOverride="sources/main.zip",
        artifactsOverride={"type": "NO_ARTIFACTS"},
        environmentVariablesOverride=[
            {"name": "CONTAINER_NAME", "value": "app"},
            {"name": "CODEBUILD_RESOLVED_SOURCE_VERSION", "value": MAIN},
        ],
    )["build"]["id"]
    build = ended(cloud, started)
    assert build["buildStatus"] == "SUCCEEDED", log_of(cloud, build)


def ended(cloud: Cloud, build_id: str) -> Mapping[str, Any]:
    builds = clients(cloud.endpoint)("codebuild")

    def over() -> Mapping[str, Any] | None:
        (build,) = builds.batch_get_builds(ids=[build_id])["builds"]
        return build if build["buildComplete"] else None

    return eventually(over, 60.0)


def test_it_is_verified_with_the_releases_cache_and_cannot_write_it(cloud: Cloud) -> None:
    release_build(cloud)
    before = images(cloud, "shop")
    assert "buildcache-image" in before
    releases = Releases(cloud.endpoint)
    main = Commit(id=MAIN, archive=packed(FILES))
    assert releases.push(main, repository=CODE, branch="main", message="main") == []
    feature = Commit(id=FEATURE, archive=packed({**FILES, "b": "feature"}))
    assert releases.push(feature, repository=CODE, branch="feature", message="feature") == []
    (execution,) = releases.pull_request(
        "OPEN", repository=CODE, source="feature", destination="main"
    )
    seen: list[Any] = []
    status = releases.follow("shop-pull-requests", execution, on_change=seen.append, seconds=120.0)
    assert status == "Succeeded", seen
    builds = clients(cloud.endpoint)("codebuild")
    (build_id, *_) = builds.list_builds_for_project(projectName="shop-pull-requests")["ids"]
    build = ended(cloud, build_id)
    log = log_of(cloud, build)
    verified = images(cloud, "shop/pull-requests")
    assert {"2222222", "buildcache-image"} <= set(verified)
    assert f"/shop/pull-requests@{verified['2222222']}" in log.rpartition("Verified ")[2]
    assert "importing cache manifest from" in log
    # Nothing of the releases has changed, and not for want of trying.
    assert "WRITTEN: buildcache" not in log
    assert "WRITTEN: 2222222" not in log
    assert images(cloud, "shop") == before
    denied = {
        call.action
        for call in denied_calls(cloud.endpoint)
        if call.resource.endswith(":repository/shop")
    }
    assert denied & {"ecr:InitiateLayerUpload", "ecr:PutImage"}
