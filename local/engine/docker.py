"""The Docker that runs already, used without changing anything of the user's.

Its own settings folder keeps the registry passwords of a build away from the user's. The builders
that a build makes are removed with it, and their image if it was not there; so are the containers
that carry its label, and those of an earlier run that was killed.
"""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from local.engine.loopback import loopback_registries
from local.engine.model import Engine, EngineUnavailableError, Progress, Registries

_ANSWER_SECONDS = 20
_SHIM = Path(__file__).with_name("docker_shim.py")
_LABEL = "container-pipelines.local-cloud"
_BUILDER = "moby/buildkit"


@contextlib.contextmanager
def open_running_docker(*, registries: Registries, progress: Progress) -> Iterator[Engine]:
    """Use the Docker that runs already; see `local.engine.open_engine`."""
    docker = shutil.which("docker")
    if docker is None:
        raise EngineUnavailableError("there is no docker command; install Docker and start it")
    # `docker info` would answer without an engine, too.
    _ask(docker, ["version", "--format", "{{.Server.Version}}"], "start Docker")
    _ask(docker, ["buildx", "version"], "install Docker's buildx plugin")
    progress("Using the running Docker")
    with (
        tempfile.TemporaryDirectory(prefix="docker-") as folder,
        loopback_registries(registries) as addresses,
    ):
        environment = _environment(Path(folder), docker, addresses)
        environment["CONTAINER_LABEL"] = f"{_LABEL}={os.getpid()}"
        for address in addresses.values():
            _check_reach(docker, environment, address)
        _remove_containers(docker, environment)
        builders = _builder_images(docker, environment)
        try:
            yield Engine(
                kind="docker",
                environment=environment,
                stand_ins=(),
                note="the Docker that is running, with the real base images",
            )
        finally:
            _leave_nothing(docker, environment, addresses)
            _remove_builder_images(docker, environment, besides=builders)


def _environment(folder: Path, docker: str, addresses: Mapping[str, str]) -> dict[str, str]:
    settings = folder / "shim.json"
    settings.write_text(json.dumps({"docker": docker, "addresses": addresses}))
    programs = folder / "bin"
    programs.mkdir()
    shim = programs / "docker"
    shim.write_text(
        f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", str(_SHIM), str(settings)])} "$@"\n'
    )
    shim.chmod(0o755)
    users = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    configuration = folder / "config"
    configuration.mkdir()
    (configuration / "config.json").write_text(json.dumps(_plugin_settings(users)))
    return {
        # The user's context is known in the user's settings folder only.
        "DOCKER_HOST": os.environ.get("DOCKER_HOST") or _host_of_context(docker),
        "DOCKER_CONFIG": str(configuration),
        "BUILDX_CONFIG": str(configuration / "buildx"),
        # The user's own builder does not know the registries here.
        "BUILDX_BUILDER": "",
        "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}",
    }


def _plugin_settings(users: Path) -> dict[str, object]:
    """Take from the user's settings where plugins are; no passwords, and no store for them."""
    try:
        settings = json.loads((users / "config.json").read_text())
    except (OSError, ValueError):
        settings = {}
    folders = [str(users / "cli-plugins"), *settings.get("cliPluginsExtraDirs", [])]
    return {"cliPluginsExtraDirs": folders}


def _host_of_context(docker: str) -> str:
    template = "{{.Endpoints.docker.Host}}"
    return _ask(docker, ["context", "inspect", "--format", template], "choose a Docker context")


def _check_reach(docker: str, environment: Mapping[str, str], address: str) -> None:
    # Docker itself, not its command, talks to a registry to log in.
    _ask(
        docker,
        ["login", "--username", "AWS", "--password-stdin", address],
        f"Docker has to reach the registry on {address} of this machine: use a Docker Engine that "
        "runs on this machine and not in a virtual machine, or CONTAINER_ENGINE=private",
        environment=environment,
        text="any password",
    )
    _run(docker, environment, ["logout", address])


def _leave_nothing(
    docker: str, environment: Mapping[str, str], addresses: Mapping[str, str]
) -> None:
    """Remove containers, builders and images of this run; their addresses end now."""
    _remove_containers(docker, environment)
    instances = Path(environment["BUILDX_CONFIG"]) / "instances"
    builders = [path.name for path in instances.iterdir()] if instances.is_dir() else []
    if builders:
        _run(docker, environment, ["buildx", "rm", "--force", *builders])
    listed = _run(docker, environment, ["images", "--format", "{{.Repository}}:{{.Tag}}"])
    ours = tuple(f"{address}/" for address in addresses.values())
    images = [image for image in listed.splitlines() if image.startswith(ours)]
    if images:
        _run(docker, environment, ["image", "rm", "--force", *images])


def _builder_images(docker: str, environment: Mapping[str, str]) -> set[str]:
    listed = ["images", "--format", "{{.Repository}}:{{.Tag}}", _BUILDER]
    return set(_run(docker, environment, listed).splitlines())


def _remove_builder_images(
    docker: str, environment: Mapping[str, str], *, besides: set[str]
) -> None:
    """Remove what builders were made of and was pulled for them; one in use stays."""
    pulled = _builder_images(docker, environment) - besides
    if pulled:
        _run(docker, environment, ["image", "rm", *sorted(pulled)])


def _remove_containers(docker: str, environment: Mapping[str, str]) -> None:
    """Remove the containers of this run, and of those whose process is gone."""
    template = f'{{{{.ID}}}} {{{{.Label "{_LABEL}"}}}}'
    filtered = ["--all", "--filter", f"label={_LABEL}", "--format", template]
    listed = _run(docker, environment, ["container", "ls", *filtered])
    pairs = [line.split() for line in listed.splitlines()]
    ours = [pair[0] for pair in pairs if len(pair) == 2 and not _runs_elsewhere(pair[1])]
    if ours:
        _run(docker, environment, ["container", "rm", "--force", "--volumes", *ours])


def _runs_elsewhere(process: str) -> bool:
    return process != str(os.getpid()) and Path("/proc", process).exists()


def _run(docker: str, environment: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Run what may fail without harm."""
    done = subprocess.run(
        [docker, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def _ask(
    docker: str,
    arguments: Sequence[str],
    remedy: str,
    *,
    environment: Mapping[str, str] | None = None,
    text: str | None = None,
) -> str:
    try:
        done = subprocess.run(
            [docker, *arguments],
            env={**os.environ, **(environment or {})},
            input=text,
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineUnavailableError(f"Docker does not answer; {remedy}") from None
    if done.returncode != 0:
        raise EngineUnavailableError(f"{_last_line(done.stderr)}; {remedy}")
    return done.stdout.strip()


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no answer"])[-1]
