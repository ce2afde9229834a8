"""What becomes of the builders that a build makes itself."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.emulator.delivery import project
from tests.local.emulator.driver import Emulator, eventually
from tests.local.emulator.test_builds import NO_SOURCE, deploy, log, logged, over, run, spec

# A docker command that notes builders as buildx does, and what it was asked to remove.
DOCKER = """\
#!/bin/sh
case "$1 $2" in
  "buildx create") mkdir -p "$BUILDX_CONFIG/instances" && touch "$BUILDX_CONFIG/instances/$3" ;;
  "buildx rm") echo "$*" >>"${0%/*}/removed"; [ ! -e "${0%/*}/fails" ] || exec ls /away ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path) -> str:
    """A machine with that command, as JSON."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    return json.dumps({"PATH": f"{tmp_path}:/usr/bin:/bin"})


@pytest.fixture
def with_docker(emulator: Emulator, machine: Path, docker: str) -> Emulator:
    machine.write_text(docker)
    return emulator


@pytest.mark.parametrize(
    ("end", "status"), [("true", "SUCCEEDED"), ("false", "FAILED"), ("sleep 600", "STOPPED")]
)
def test_the_builders_of_a_build_end_with_it(
    with_docker: Emulator, tmp_path: Path, end: str, status: str
) -> None:
    commands = ("docker buildx create two", "docker buildx create one", "echo made", end)
    name = deploy(with_docker, project(spec(*commands), Source=NO_SOURCE))
    codebuild = with_docker.client("codebuild")
    build = codebuild.start_build(projectName=name)["build"]
    if status == "STOPPED":
        eventually(lambda: logged(with_docker, build, "made"))
        codebuild.stop_build(id=build["id"])
    assert over(with_docker, build["id"])["buildStatus"] == status
    assert (tmp_path / "removed").read_text() == "buildx rm --force one two\n"


def test_no_builder_outlives_the_emulator(
    new_emulator: Callable[..., Emulator], docker: str, tmp_path: Path
) -> None:
    machine = tmp_path / "build.json"
    machine.write_text(docker)
    emulator = new_emulator("--build-environment", str(machine))
    made = tmp_path / "made"
    commands = ("docker buildx create one", f"touch {made}", "sleep 600")
    name = deploy(emulator, project(spec(*commands), Source=NO_SOURCE))
    emulator.client("codebuild").start_build(projectName=name)
    eventually(made.exists)
    assert emulator.stop() == 0
    assert (tmp_path / "removed").read_text() == "buildx rm --force one\n"


def test_a_builder_that_stays_is_told_in_the_log(with_docker: Emulator, tmp_path: Path) -> None:
    (tmp_path / "fails").touch()
    name = deploy(with_docker, project(spec("docker buildx create one"), Source=NO_SOURCE))
    build = run(with_docker, name)
    assert build["buildStatus"] == "SUCCEEDED"
    assert any(
        "Builders are left in the container engine: ls: " in x for x in log(with_docker, build)
    )
