"""What goes wrong around a build, and what its log says of it."""

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from container_pipelines import BuildSecret, DockerBuild, LayerCache, PhaseCommands
from local.engine import Engine
from tests.buildspecs.builds import COMMIT, ECR, SCRATCH, TAG, Finished, Project
from tests.buildspecs.conftest import CACHE, BuildMachine
from tests.buildspecs.registry_front import Answer, RegistryFront

pytestmark = pytest.mark.e2e

BAD_TOKEN = b'{"__type":"UnrecognizedClientException","message":"The security token is invalid."}'


def check_failed(build: Finished, phase: str, end: str | None = "exit status 1") -> None:
    assert build.status == "FAILED"
    assert build.failure is not None
    assert build.failure[0] == phase
    assert end is None or build.failure[1] == end
    assert build.artifact is None


@contextlib.contextmanager
def tiny_disk(folder: Path, size: str) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can make a file system")
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True)


def test_credentials_that_aws_refuses(project: Project, registry: RegistryFront) -> None:
    def refuse(method: str, path: str) -> Answer | None:
        return (400, BAD_TOKEN) if (method, path) == ("POST", "/") else None

    ecr = f"http://127.0.0.1:{registry.address[1]}"
    with registry.failing(refuse):
        build = project.build(SCRATCH, AWS_ENDPOINT_URL_ECR=ecr)
    check_failed(build, "PRE_BUILD")
    assert "UnrecognizedClientException" in build.last_words
    assert project.images() == []


def test_a_token_that_the_registry_refuses(project: Project, registry: RegistryFront) -> None:
    with registry.failing(lambda _method, path: (401, b"") if path == "/v2/" else None):
        build = project.build(SCRATCH)
    check_failed(build, "PRE_BUILD")
    # On loopback Docker then tries plain HTTP, and tells of that.
    assert f'Error response from daemon: Get "http://{ECR}/v2/"' in build.last_words
    assert project.images() == []


def test_a_program_that_is_gone(project: Project) -> None:
    with project.without_program():
        build = project.build(SCRATCH)
    check_failed(build, "PRE_BUILD", None)
    # AWS says 403 to whoever may not list the bucket.
    assert "An error occurred (40" in build.last_words
    assert project.images() == []


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("PARAMETER_STORE", "parameter does not exist: /absent"),
        ("SECRETS_MANAGER", "Secrets Manager can't find the secret /absent"),
    ],
)
def test_a_value_that_the_store_does_not_have(project: Project, kind: str, told: str) -> None:
    build = project.build(SCRATCH, SETTING={"type": kind, "value": "/absent"})
    check_failed(build, "DOWNLOAD_SOURCE", None)
    assert told in build.phases["DOWNLOAD_SOURCE"]
    assert told in "\n".join(build.log)
    assert project.images() == []


def test_a_build_secret_that_the_store_does_not_have(new_project: Callable[..., Project]) -> None:
    secrets = {"npm_token": BuildSecret.from_parameter_store("/absent/npm-token")}
    project = new_project(docker_build=DockerBuild(secrets=secrets))
    build = project.build(SCRATCH)
    check_failed(build, "DOWNLOAD_SOURCE", None)
    assert "/absent/npm-token" in build.phases["DOWNLOAD_SOURCE"]


@pytest.mark.parametrize(
    ("dockerfile", "told"),
    [
        ("FORM scratch\n", "unknown instruction: FORM"),
        ("FROM scratch\nCOPY absent.txt /\n", '"/absent.txt": not found'),
        ("FROM node:absent\n", "docker.io/library/node:absent: not found"),
        ("FROM node:20-alpine\nRUN echo the cause; exit 7\n", "exit code: 7"),
    ],
    ids=["instruction", "file", "base image", "step"],
)
def test_a_broken_dockerfile(project: Project, dockerfile: str, told: str) -> None:
    build = project.build({**SCRATCH, "Dockerfile": dockerfile}, commit=COMMIT)
    check_failed(build, "BUILD")
    assert told in build.last_words
    assert project.images() == []


def test_a_source_without_a_dockerfile(project: Project) -> None:
    build = project.build({"readme.txt": "hello"})
    check_failed(build, "BUILD")
    assert "failed to read dockerfile: open Dockerfile: no such file" in build.last_words


def test_a_step_that_says_more_than_a_log_takes(project: Project) -> None:
    line = "a line of the many that a step can write, such as a test suite does"
    talk = f'node -e \'console.log("{line} ".repeat(60000).match(/.{{1,80}}/g).join("\\n"))\''
    dockerfile = f"FROM node:20-alpine\nRUN {talk}; echo the cause >&2; exit 7\n"
    build = project.build({**SCRATCH, "Dockerfile": dockerfile})
    check_failed(build, "BUILD")
    assert "log limit" in build.said
    assert "exit code: 7" in build.last_words
    assert len(build.log) < 60_000


def test_a_registry_that_goes_down_in_the_middle_of_a_push(
    project: Project, registry: RegistryFront
) -> None:
    layers = "".join(f"COPY app.txt /{number}\n" for number in range(3))
    uploads: list[str] = []

    def fail(method: str, path: str) -> Answer | None:
        if "/blobs/uploads/" in path and method == "POST":
            uploads.append(path)
        return (0, b"") if len(uploads) > 2 else None

    with registry.failing(fail):
        build = project.build({**SCRATCH, "Dockerfile": f"FROM scratch\n{layers}"}, commit=COMMIT)
    check_failed(build, "BUILD")
    assert "failed to push" in build.last_words
    assert TAG in build.last_words
    assert project.tags() == {}


def test_a_cache_that_cannot_be_written_fails_no_release(
    new_project: Callable[..., Project], registry: RegistryFront
) -> None:
    project = new_project(docker_build=DockerBuild(layer_cache=LayerCache.REGISTRY))

    def fail(method: str, path: str) -> Answer | None:
        refused = method == "PUT" and path.endswith("/manifests/buildcache")
        return (403, b'{"errors":[{"code":"DENIED","message":"no"}]}') if refused else None

    with registry.failing(fail):
        build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert list(project.tags()) == [TAG]
    assert "403" in build.said


def test_a_full_disk_of_the_build(project: Project, tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk", "16k") as disk:
        build = project.build(SCRATCH, TMPDIR=str(disk))
    check_failed(build, "PRE_BUILD", None)
    assert "No space left on device" in build.said
    assert project.images() == []


def test_no_disk_for_the_build_at_all(project: Project, tmp_path: Path) -> None:
    build = project.build(SCRATCH, TMPDIR=str(tmp_path / "absent"))
    check_failed(build, "PRE_BUILD")
    assert "mktemp" in build.last_words
    assert project.images() == []


def test_a_full_disk_of_the_engine(
    project: Project,
    machine: BuildMachine,
    open_builder: Callable[..., contextlib.AbstractContextManager[Engine]],
    tmp_path: Path,
) -> None:
    with tiny_disk(tmp_path / "disk", "24m") as disk:
        for name in ("packages", "base-images"):
            (disk / name).symlink_to(CACHE / name)
        with open_builder(disk) as engine, machine.using(engine):
            content = os.urandom(30_000_000)
            build = project.build({**SCRATCH, "app.txt": content}, commit=COMMIT)
    check_failed(build, "BUILD")
    assert "no space left on device" in build.last_words
    assert project.images() == []


@pytest.mark.parametrize("phase", ["install", "pre_build", "build", "post_build"])
def test_a_command_of_ones_own_that_fails(new_project: Callable[..., Project], phase: str) -> None:
    failing = {phase: ["echo before", "echo the cause >&2; exit 7", "echo never"]}
    project = new_project(commands=PhaseCommands(**failing))
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "FAILED"
    assert build.failure == (phase.upper(), "exit status 7")
    assert build.last_words.endswith("before\nthe cause")
    assert "never" not in build.said
    assert build.deploys is None
    assert bool(project.images()) is (phase == "post_build")


def test_commands_of_ones_own_in_every_phase(new_project: Callable[..., Project]) -> None:
    say = 'echo "$0 in $PHASE: ${IMAGE_TAG:-} ${IMAGE_URI:-} $CODEBUILD_BUILD_SUCCEEDING"'
    phases = ("install", "pre_build", "build", "post_build")
    commands = PhaseCommands(
        **{phase: [f"PHASE={phase}", say] for phase in phases}
        | {"build": ["PHASE=build", say, "echo made > made.txt"]}
    )
    project = new_project(commands=commands)
    build = project.build({"Dockerfile": "FROM scratch\nCOPY made.txt /\n"}, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    said = re.findall(r"in (\w+): (\S*) (\S*) (\d)$", build.said, re.MULTILINE)
    assert said == [
        ("install", "", "", "1"),
        ("pre_build", TAG, "", "1"),
        ("build", TAG, "", "1"),
        ("post_build", TAG, build.exported["IMAGE_URI"], "1"),
    ]
    assert project.files(build.exported["IMAGE_DIGEST"]) == {"made.txt": b"made\n"}
