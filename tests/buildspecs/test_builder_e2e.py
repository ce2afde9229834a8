"""Builds by a builder in a container, as every build on AWS makes itself one."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from container_pipelines import DockerBuild, PullThroughCache
from local.engine import Engine
from tests.buildspecs.builds import COMMIT, ECR, SCRATCH, TAG, Project
from tests.buildspecs.conftest import BuildMachine

pytestmark = pytest.mark.e2e


@pytest.fixture
def alone(builder: Engine, machine: BuildMachine, tmp_path: Path) -> Iterator[Engine]:
    """Let builds keep what they make with buildx for themselves, and build with it."""
    if builder.kind != "private":
        pytest.skip("a Docker that runs pulls BuildKit from the real Docker Hub")
    own = {"BUILDX_CONFIG": str(tmp_path / "buildx"), "BUILDX_BUILDER": ""}
    engine = replace(builder, environment={**builder.environment, **own})
    with machine.using(engine):
        yield engine
    docker(engine, "buildx", "rm", "--all-inactive", "--force")
    left = docker(engine, "ps", "--all", "--quiet", "--filter", "name=buildx_buildkit_").split()
    if left:
        docker(engine, "rm", "--force", "--volumes", *left)


def docker(engine: Engine, *arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **engine.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_image_is_tested_pushed_and_its_cache_is_found(
    alone: Engine, new_project: Callable[..., Project]
) -> None:
    project = new_project(docker_build=DockerBuild(test_command=("cat", "/a")))
    files = {"Dockerfile": "FROM node:20-alpine\nRUN echo one >/a\nCOPY b /b\n", "b": "b"}
    build = project.build(files, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert "using docker-container driver" in build.said
    assert build.exported["IMAGE_DIGEST"] == project.tags()[TAG]
    docker(alone, "buildx", "prune", "--builder", "default", "--all", "--force")
    again = project.build({**files, "b": "c"}, commit=COMMIT[::-1])
    assert again.status == "SUCCEEDED"
    assert "RUN echo one >/a" in again.cached_steps()


def test_a_builder_that_cannot_be_pulled_fails_the_build_by_its_name(
    alone: Engine, new_project: Callable[..., Project]
) -> None:
    # There is no rule for the cache in this account.
    project = new_project(docker_hub=PullThroughCache())
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "FAILED"
    assert f"{ECR}/docker-hub/moby/buildkit:buildx-stable-1" in build.said
    assert project.images() == []
    assert build.artifact is None
