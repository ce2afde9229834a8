import json
import os
from pathlib import Path

import pytest

from local.engine import docker
from local.engine.docker import open_running_docker
from local.engine.model import Engine, EngineUnavailableError

REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
# A docker command that notes what it was asked, and answers as the files beside it say.
DOCKER = """\
#!/bin/sh
here=${0%/*}
echo "$*" >>"$here/asked"
[ ! -e "$here/$1.fails" ] || { cat "$here/$1.fails" >&2; exit 1; }
[ ! -e "$here/$1.answer" ] || cat "$here/$1.answer"
case "$1 $2" in
  "buildx create") mkdir -p "$BUILDX_CONFIG/instances" && touch "$BUILDX_CONFIG/instances/mine" ;;
esac
"""


class Fake:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answer(self, command: str, text: str) -> None:
        (self.folder / f"{command}.answer").write_text(text)

    def fail(self, command: str, text: str) -> None:
        (self.folder / f"{command}.fails").write_text(text)

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER)
    program.chmod(0o755)
    users = tmp_path / "users"
    users.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("DOCKER_CONFIG", str(users))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    fake = Fake(program.parent)
    fake.answer("context", "unix:///home/user/docker.sock")
    return fake


def opened(address: tuple[str, int] = ("127.0.0.1", 1)) -> Engine:
    with open_running_docker(registries={REGISTRY: address}, progress=lambda _: None) as engine:
        return engine


def test_an_engine_that_is_away_is_reported(fake: Fake) -> None:
    fake.fail("version", "Cannot connect to the Docker daemon.")
    with pytest.raises(EngineUnavailableError, match=r"Cannot connect .*; start Docker"):
        opened()


def test_an_engine_that_hangs_is_reported(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    (fake.folder / "docker").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(docker, "_ANSWER_SECONDS", 0.05)
    with pytest.raises(EngineUnavailableError, match="does not answer; start Docker"):
        opened()


def test_a_missing_buildx_is_reported(fake: Fake) -> None:
    fake.fail("buildx", "docker: 'buildx' is not a docker command.")
    with pytest.raises(EngineUnavailableError, match="install Docker's buildx plugin"):
        opened()


def test_an_engine_that_cannot_reach_this_machine_is_reported(fake: Fake) -> None:
    fake.fail("login", "first\nconnection refused")
    with pytest.raises(EngineUnavailableError, match=r"^connection refused; .*=private$"):
        opened()


def test_the_users_context_is_kept(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened().environment["DOCKER_HOST"] == "unix:///home/user/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", "unix:///other.sock")
    assert opened().environment["DOCKER_HOST"] == "unix:///other.sock"
    assert opened().stand_ins == ()


@pytest.mark.usefixtures("fake")
def test_the_users_builder_is_not_that_of_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILDX_BUILDER", "mine")
    assert opened().environment["BUILDX_BUILDER"] == ""


def test_the_users_plugins_are_found_and_passwords_are_not(fake: Fake, tmp_path: Path) -> None:
    users = tmp_path / "users"
    (users / "config.json").write_text(
        '{"auths": {"x": {"auth": "c2VjcmV0"}}, "credsStore": "osxkeychain", '
        '"cliPluginsExtraDirs": ["/opt/plugins"]}'
    )
    with open_running_docker(registries={}, progress=lambda _: None) as engine:
        settings = json.loads(Path(engine.environment["DOCKER_CONFIG"], "config.json").read_text())
    assert settings == {"cliPluginsExtraDirs": [f"{users}/cli-plugins", "/opt/plugins"]}


@pytest.mark.parametrize("text", ["", "{", None])
def test_settings_that_cannot_be_read_are_no_obstacle(
    fake: Fake, tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "users/config.json").write_text(text)
    assert opened().kind == "docker"
    assert "version --format {{.Server.Version}}" in fake.asked


def test_containers_are_removed_but_not_those_of_a_run_that_goes_on(fake: Fake) -> None:
    with open_running_docker(registries={}, progress=lambda _: None) as engine:
        name, _, process = engine.environment["CONTAINER_LABEL"].partition("=")
        assert process == str(os.getpid())
        fake.answer("container", f"aaa {process}\nbbb {os.getppid()}\nccc 999999999\n")
    template = f'{{{{.ID}}}} {{{{.Label "{name}"}}}}'
    listing = f"container ls --all --filter label={name} --format {template}"
    assert fake.asked.count(listing) == 2  # of killed runs at the start, of this one at the end
    assert fake.asked.count("container rm --force --volumes aaa ccc") == 1


def test_the_image_of_a_builder_stays_if_it_was_there(fake: Fake) -> None:
    fake.answer("images", "moby/buildkit:buildx-stable-1\n")
    opened()
    assert [asked for asked in fake.asked if asked.startswith("image rm")] == []


def test_builders_and_images_of_the_build_are_removed(fake: Fake) -> None:
    registries = {REGISTRY: ("127.0.0.1", 1)}
    with open_running_docker(registries=registries, progress=lambda _: None) as engine:
        [login] = [asked for asked in fake.asked if asked.startswith("login")]
        address = login.rpartition(" ")[2]
        fake.answer("images", f"other:1\n{address}/app:abc\n1{address}/app:abc\n")
        docker._run(f"{fake.folder}/docker", engine.environment, ["buildx", "create"])
        settings = Path(engine.environment["DOCKER_CONFIG"])
    listed = "images --format {{.Repository}}:{{.Tag}}"
    assert fake.asked[-5:] == [
        "buildx rm --force mine",
        listed,
        f"image rm --force {address}/app:abc",
        f"{listed} moby/buildkit",
        # Whatever answers that now and did not before; without force, for it may be in use.
        f"image rm 1{address}/app:abc {address}/app:abc other:1",
    ]
    assert not settings.exists()
