"""Base images of a Docker Hub that demands a login."""

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from container_pipelines import DockerHubCredentials
from local.engine import Engine
from tests.buildspecs.builds import COMMIT, TAG, Project
from tests.buildspecs.conftest import CACHE, BuildMachine

pytestmark = pytest.mark.e2e

TOKEN = "dckr_pat_correct-horse"
# htpasswd: reader and the token
READER = "reader:$2b$04$z48s1UMgf2UmWqactMpYQeaB6Un7TCuAL4e.pUPgXvEPv4MaqNmcK"
DOCKERFILE = """\
FROM node:20-alpine AS base
FROM scratch
COPY --from=base /etc/passwd /etc/passwd
"""
FILES = {"Dockerfile": DOCKERFILE}


@pytest.fixture(scope="module")
def hub(
    builder: Engine,
    open_builder: Callable[..., contextlib.AbstractContextManager[Engine]],
    machine: BuildMachine,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Engine]:
    """Build with an engine that has no image yet, and whose Docker Hub demands a login."""
    if builder.kind != "private":
        pytest.skip("only the private engine has a Docker Hub of its own")
    folder: Path = tmp_path_factory.mktemp("engine")
    for name in ("packages", "base-images"):
        (folder / name).symlink_to(CACHE / name)
    htpasswd = folder / "htpasswd"
    htpasswd.write_text(READER)
    with open_builder(folder, htpasswd=htpasswd) as engine, machine.using(engine):
        yield engine


@pytest.fixture
def project(hub: Engine, new_project: Callable[..., Project]) -> Project:
    project = new_project(docker_hub=DockerHubCredentials.from_parameter_store())
    keep(project, "user", "reader")
    return project


def keep(project: Project, name: str, value: str) -> None:
    project.client("ssm").put_parameter(
        Name=f"/codebuild/dockerhub-{name}", Value=value, Type="SecureString", Overwrite=True
    )
    if name == "token":
        project.secrets.add(value)


def test_the_right_login(project: Project) -> None:
    keep(project, "token", TOKEN)
    build = project.build(FILES, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert list(project.files(project.tags()[TAG])) == ["etc/passwd"]


def test_a_wrong_login(project: Project) -> None:
    keep(project, "token", "dckr_pat_wrong-horse")
    build = project.build(FILES, commit=COMMIT)
    assert build.status == "FAILED"
    assert build.failure == ("PRE_BUILD", "exit status 1")
    assert "registry-1.docker.io" in build.last_words
    assert "401 Unauthorized" in build.last_words
    assert project.images() == []
    assert build.artifact is None


@pytest.mark.parametrize(
    ("dockerfile", "phase", "cause"),
    [
        # The builder of a Dockerfile with several stages, and the base image of one with one.
        (DOCKERFILE, "PRE_BUILD", "The builder does not start: "),
        ("FROM node:20-alpine\n", "BUILD", "node:20-alpine"),
    ],
)
def test_no_login_although_one_is_demanded(
    hub: Engine, new_project: Callable[..., Project], dockerfile: str, phase: str, cause: str
) -> None:
    # As on a machine that has never pulled anything.
    subprocess.run(
        ["docker", "image", "prune", "--all", "--force"],
        env={**os.environ, **hub.environment},
        check=True,
        capture_output=True,
    )
    project = new_project()
    build = project.build({"Dockerfile": dockerfile}, commit=COMMIT)
    assert build.status == "FAILED"
    assert build.failure == (phase, "exit status 1")
    assert cause in build.last_words
    assert re.search("401 Unauthorized|no basic auth credentials", build.last_words)
    assert project.images() == []
