import json
import os
import subprocess
from pathlib import Path

import pytest

from local.engine import private
from local.engine.model import EngineUnavailableError
from local.engine.plan import Plan


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.usefixtures("as_root")
def test_a_container_without_privileges_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("unshare", "nsenter", "setpriv", "mount"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho Operation not permitted >&2\nexit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailableError, match=r"\(Operation not permitted\); start Docker"):
        private._check_permissions()


@pytest.mark.usefixtures("as_root")
def test_a_missing_program_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailableError, match="'unshare' is missing: install"):
        private._check_permissions()


def test_the_folder_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    killed = tmp_path / "engine-killed"
    killed.mkdir()
    (killed / "front.pem").write_text("secret")
    (tmp_path / "run").symlink_to(killed)
    with private._run_folder(tmp_path) as folder:
        assert not killed.exists()
        assert (tmp_path / "run").resolve() == folder
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    assert not (tmp_path / "run").is_symlink()


def test_sockets_fit_however_deep_the_cache_is(tmp_path: Path) -> None:
    deep = tmp_path / ("deep/" * 40)
    deep.mkdir(parents=True)
    with private._run_folder(deep) as folder:
        assert len(bytes(folder / "docker.sock")) < 108


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(
        run=tmp_path,
        engine=tmp_path / "the engine",
        state=tmp_path,
        base_images=tmp_path,
        log=tmp_path / "log",
        cgroup="engine-1",
        storage_driver="overlayfs",
        registries={},
    )


def test_a_build_gets_the_command_the_socket_and_settings_of_its_own(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    environment = private._environment(plan, {"keeper": 11, "sandbox": 12})
    assert environment["DOCKER_HOST"] == f"unix://{plan.docker_socket}"
    assert environment["BUILDX_BUILDER"] == ""
    assert environment["PATH"] == f"{plan.run}/bin:/usr/bin"
    settings = Path(environment["DOCKER_CONFIG"])
    assert settings.is_relative_to(plan.run)
    assert json.loads((settings / "config.json").read_text()) == {
        "cliPluginsExtraDirs": [f"{plan.engine}/usr/libexec/docker/cli-plugins"]
    }


def test_the_command_enters_the_network_and_keeps_arguments_and_folder(
    plan: Plan, tmp_path: Path
) -> None:
    entered = tmp_path / "nsenter"
    entered.write_text('#!/bin/sh\nprintf "%s\\n" "$SSL_CERT_FILE" "$@"\n')
    entered.chmod(0o755)
    environment = private._environment(plan, {"keeper": 11, "sandbox": 12})
    here = tmp_path / "with space"
    here.mkdir()
    done = subprocess.run(
        [f"{plan.run}/bin/docker", "build", "a b", "*"],
        cwd=here,
        env={**environment, "PATH": f"{tmp_path}:{os.defpath}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        str(plan.authority),
        "--mount=/proc/11/ns/mnt",
        "--root=/proc/11/root",
        "--net=/proc/12/ns/net",
        f"--wdns={here}",
        f"{plan.engine}/usr/bin/docker",
        *("build", "a b", "*"),
    ]


def test_a_builder_in_a_container_finds_the_engine_and_ends_with_it(
    plan: Plan, tmp_path: Path
) -> None:
    entered = tmp_path / "nsenter"
    entered.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    entered.chmod(0o755)
    environment = private._environment(plan, {"keeper": 11, "sandbox": 12})
    create = ["buildx", "create", "--use", "--driver-opt", "image=a b"]
    done = subprocess.run(
        [f"{plan.run}/bin/docker", *create],
        env={**environment, "PATH": f"{tmp_path}:{os.defpath}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-7:] == [
        *("buildx", "create", "--driver-opt", "network=host,restart-policy=no"),
        *create[2:],
    ]
