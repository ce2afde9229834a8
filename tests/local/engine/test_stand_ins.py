import os
import platform
import subprocess
from pathlib import Path

import pytest

from local.engine import stand_ins
from local.engine.debian import Archive, release
from local.engine.model import EngineUnavailableError
from local.engine.registry_storage import RegistryStorage
from local.engine.stand_ins import STAND_INS, add_stand_ins

ENTRYPOINT = Path(stand_ins.__file__).with_name("stand_in") / "usr/local/bin/docker-entrypoint.sh"


def add(name: str, folder: Path) -> None:
    archive = Archive(release("debian", "bookworm"), folder)
    add_stand_ins([name], RegistryStorage(folder), archive, folder, lambda _: None)


def test_the_versions_in_the_names_are_those_inside() -> None:
    for name, image in STAND_INS.items():
        assert name == f"node:{image.node.partition('.')[0]}-alpine"


def test_an_unknown_base_image_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="no stand-in of 'python:3', only of node:20"):
        add("python:3", tmp_path)
    assert not any(tmp_path.iterdir())


def test_what_is_there_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RegistryStorage, "has", lambda *_: True)
    monkeypatch.setattr(Archive, "fetch", None)
    add("node:20-alpine", tmp_path)


def test_it_is_on_docker_hub_and_in_the_public_gallery_of_ecr(tmp_path: Path) -> None:
    storage = RegistryStorage(tmp_path)
    stand_ins._store(STAND_INS["node:24-alpine"], [], storage)
    assert storage.has("library/node", "24-alpine")
    assert storage.has("docker/library/node", "24-alpine")


def test_a_package_that_npm_cannot_fetch_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error 404 no such version' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(EngineUnavailableError, match=r"cannot fetch yarn 9: ?\nnpm error 404"):
        stand_ins._npm_package("yarn", "9", tmp_path)


def test_a_missing_npm_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailableError, match=r"npm is missing: install Node\.js"):
        stand_ins._npm_package("npm", "10.8.2", tmp_path)


def test_another_processor_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(EngineUnavailableError, match="x86_64 and aarch64 only, this is riscv64"):
        stand_ins._architecture()


def test_the_recipe_is_another_one_for_another_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    intel = stand_ins.recipe()
    assert stand_ins.recipe() == intel
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert stand_ins.recipe() != intel


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["server.js"], ["node", "server.js"]),
        (["--version"], ["node", "--version"]),
        (["node", "a b"], ["node", "a b"]),
        (["other", "a"], ["other", "a"]),
    ],
)
def test_the_entrypoint_runs_commands_and_gives_the_rest_to_node(
    tmp_path: Path, arguments: list[str], expected: list[str]
) -> None:
    for name in ("node", "other"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@"\n')
        program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", ENTRYPOINT, *arguments],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == expected
