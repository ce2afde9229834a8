"""The builder in a container that each build makes itself, and what becomes of it."""

import os
import subprocess
from collections.abc import Callable

import pytest

from container_pipelines import DockerBuild, PullThroughCache
from local.engine import Engine
from tests.buildspecs.builds import COMMIT, ECR, SCRATCH, TAG, Project

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _stand_in(builder: Engine) -> None:
    if builder.kind != "private":
        pytest.skip("a Docker that runs pulls BuildKit from the real Docker Hub")


def boxes(engine: Engine) -> str:
    """Return the containers and volumes that are builders."""
    listed = ""
    for kind in ("container", "volume"):
        done = subprocess.run(
            ["docker", kind, "ls", "--quiet", "--filter", "name=buildx_buildkit_"],
            env={**os.environ, **engine.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        listed += done.stdout
    return listed


def test_it_builds_the_image_and_what_its_test_runs_in_and_ends_with_the_build(
    builder: Engine, new_project: Callable[..., Project], forget_cache: Callable[[], None]
) -> None:
    project = new_project(docker_build=DockerBuild(test_command=("cat", "/a")))
    files = {"Dockerfile": "FROM node:20-alpine\nRUN echo one >/a\nCOPY b /b\n", "b": "b"}
    build = project.build(files, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert "using docker-container driver" in build.said
    assert build.exported["IMAGE_DIGEST"] == project.tags()[TAG]
    assert boxes(builder) == ""
    forget_cache()
    again = project.build({**files, "b": "c"}, commit=COMMIT[::-1])
    assert again.status == "SUCCEEDED"
    assert "RUN echo one >/a" in again.cached_steps()


def test_one_that_cannot_be_pulled_fails_the_build_by_its_name(
    new_project: Callable[..., Project],
) -> None:
    # There is no rule for the cache in this account.
    project = new_project(docker_hub=PullThroughCache())
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "FAILED"
    assert f"{ECR}/docker-hub/moby/buildkit:buildx-stable-1" in build.said
    assert project.images() == []
    assert build.artifact is None
