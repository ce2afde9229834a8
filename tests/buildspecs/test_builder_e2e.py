"""Who builds: the engine's own builder, or one in a container that each build makes itself."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from container_pipelines import DockerBuild, LayerCache, PullThroughCache
from local.engine import Engine
from tests.buildspecs.builds import COMMIT, ECR, SCRATCH, TAG, Project
from tests.buildspecs.conftest import CACHE, BuildMachine
from tests.buildspecs.registry_front import Answer, RegistryFront
from tests.local.emulator.driver import Emulator

pytestmark = pytest.mark.e2e

BUILDER = "moby/buildkit:buildx-stable-1"
FILES = {"Dockerfile": "FROM node:20-alpine\nRUN echo one >/a\nCOPY b /b\n", "b": "b"}


@pytest.fixture(autouse=True)
def _private_engine(builder: Engine) -> None:
    if builder.kind != "private":
        pytest.skip("a Docker that runs pulls BuildKit from the real Docker Hub")


def docker(engine: Engine, *arguments: str, **options: Any) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **engine.environment},
        capture_output=True,
        text=True,
        check=True,
        **options,
    )
    return done.stdout


def test_one_in_a_container_builds_the_image_and_its_test_and_ends_with_the_build(
    builder: Engine, new_project: Callable[..., Project], forget_cache: Callable[[], None]
) -> None:
    project = new_project(
        docker_build=DockerBuild(test_command=("cat", "/a"), layer_cache=LayerCache.REGISTRY)
    )
    build = project.build(FILES, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert "using docker-container driver" in build.said
    assert build.exported["IMAGE_DIGEST"] == project.tags()[TAG]
    for kind in ("container", "volume"):
        assert docker(builder, kind, "ls", "-q", "--filter", "name=buildx_buildkit_") == ""
    forget_cache()
    again = project.build({**FILES, "b": "c"}, commit=COMMIT[::-1])
    assert again.status == "SUCCEEDED"
    assert "RUN echo one >/a" in again.cached_steps()


def test_one_that_cannot_be_pulled_fails_the_build_by_its_name(
    new_project: Callable[..., Project],
) -> None:
    # There is no rule for the cache in this account.
    project = new_project(docker_hub=PullThroughCache())
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "FAILED"
    assert f"{ECR}/docker-hub/{BUILDER}" in build.said
    assert project.images() == []
    assert build.artifact is None


@pytest.fixture
def pulled_through(aws: Emulator, builder: Engine) -> Iterator[None]:
    """Keep the builder's image in ECR, as a rule for Docker Hub would."""
    ecr, repository = aws.client("ecr"), "docker-hub/moby/buildkit"
    ecr.create_repository(repositoryName=repository)
    docker(builder, "login", "--username", "AWS", "--password-stdin", ECR, input=password(ecr))
    docker(builder, "pull", BUILDER)
    docker(builder, "tag", BUILDER, f"{ECR}/docker-hub/{BUILDER}")
    docker(builder, "push", f"{ECR}/docker-hub/{BUILDER}")
    docker(builder, "image", "rm", f"{ECR}/docker-hub/{BUILDER}")
    docker(builder, "logout", ECR)
    yield
    ecr.delete_repository(repositoryName=repository, force=True)


def password(ecr: Any) -> str:
    token: str = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return subprocess.run(
        ["base64", "-d"], input=token.encode(), capture_output=True, check=True
    ).stdout.decode()[len("AWS:") :]


@pytest.mark.usefixtures("pulled_through")
def test_one_that_is_limited_for_a_moment_is_pulled_again(
    new_project: Callable[..., Project], registry: RegistryFront
) -> None:
    limited: list[str] = []

    def limit(_method: str, path: str) -> Answer | None:
        # Docker itself asks six times without a pause.
        is_builder = path == "/v2/docker-hub/moby/buildkit/manifests/buildx-stable-1"
        if not is_builder or len(limited) == 8:
            return None
        limited.append(path)
        return 429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}'

    project = new_project(docker_hub=PullThroughCache())
    with registry.failing(limit):
        build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "SUCCEEDED", build.last_words
    assert "The builder does not start yet, trying again in 1 s: " in build.said
    assert "using docker-container driver" in build.said
    assert project.files(project.tags()[TAG]) == {"app.txt": b"one"}


def test_the_engines_own_builds_and_pushes_where_images_are_kept_as_on_codebuild(
    new_project: Callable[..., Project],
    open_builder: Callable[..., contextlib.AbstractContextManager[Engine]],
    machine: BuildMachine,
    tmp_path: Path,
) -> None:
    for name in ("packages", "base-images"):
        (tmp_path / name).symlink_to(CACHE / name)
    files = {"Dockerfile": "FROM scratch\nCOPY a /\nCOPY b /\n", "a": "a", "b": "b"}
    project = new_project()
    with open_builder(tmp_path, has_containerd_store=False) as engine, machine.using(engine):
        assert docker(engine, "info", "--format", "{{.Driver}}").strip() in ("overlay2", "vfs")
        build = project.build(files, commit=COMMIT)
        assert build.status == "SUCCEEDED", build.last_words
        assert "using docker driver" in build.said
        assert build.exported["IMAGE_DIGEST"] == project.tags()[TAG]
        docker(engine, "image", "prune", "--all", "--force")
        docker(engine, "buildx", "prune", "--all", "--force")
        again = project.build({**files, "b": "c"}, commit=COMMIT[::-1])
    assert again.status == "SUCCEEDED", again.last_words
    assert again.exported["IMAGE_DIGEST"] == project.tags()[COMMIT[::-1][:7]]
    assert again.cached_steps() == {"COPY a /"}
