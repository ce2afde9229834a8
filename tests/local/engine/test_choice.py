import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import local.engine
from local.engine import Engine, EngineUnavailableError, open_engine

ENGINE = Engine(kind="docker", environment={}, stand_ins=(), note="")


@contextmanager
def available(**_: object) -> Iterator[Engine]:
    yield ENGINE


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONTAINER_ENGINE", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")


def opened(cache: Path) -> Engine:
    with open_engine(cache, registries={}, progress=lambda _: None) as engine:
        return engine


@pytest.mark.usefixtures("no_docker")
def test_a_running_docker_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local.engine, "open_running_docker", available)
    assert opened(tmp_path) is ENGINE


@pytest.mark.usefixtures("no_docker")
def test_the_private_engine_is_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    @contextmanager
    def private(cache: Path, **_: object) -> Iterator[Engine]:
        assert cache == tmp_path
        yield ENGINE

    monkeypatch.setattr(local.engine, "open_private_engine", private)
    assert opened(tmp_path) is ENGINE


@pytest.mark.usefixtures("no_docker")
def test_without_any_engine_all_reasons_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    system = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: system)
    with pytest.raises(EngineUnavailableError) as error:
        opened(tmp_path)
    assert "docker: there is no docker command; install Docker" in str(error.value)
    assert "private: the private engine has to be started by root" in str(error.value)
    assert not any(tmp_path.iterdir())


@pytest.mark.usefixtures("no_docker")
def test_a_forced_choice_does_not_fall_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONTAINER_ENGINE", "docker")
    monkeypatch.setattr(local.engine, "open_private_engine", available)
    with pytest.raises(EngineUnavailableError) as error:
        opened(tmp_path)
    assert "private" not in str(error.value)


def test_none_is_a_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONTAINER_ENGINE", "none")
    monkeypatch.setattr(local.engine, "open_running_docker", available)
    with pytest.raises(EngineUnavailableError, match="CONTAINER_ENGINE=none: unset it"):
        opened(tmp_path)


def test_an_unknown_choice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONTAINER_ENGINE", "podman")
    with pytest.raises(EngineUnavailableError, match="'podman'; use docker, private or none"):
        opened(tmp_path)


@pytest.mark.usefixtures("no_docker")
def test_an_error_of_the_build_is_not_taken_for_one_of_the_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(local.engine, "open_running_docker", available)
    with (
        pytest.raises(ValueError, match="of the build"),
        open_engine(tmp_path, registries={}, progress=lambda _: None),
    ):
        raise ValueError("of the build")
