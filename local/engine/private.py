"""A private container engine: unpacked into a cache folder, started for one run only."""

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import trustme

from local.engine.base_images import load_base_images
from local.engine.cache_locks import installing, is_only_run, run_slot
from local.engine.debian import this_release
from local.engine.installation import install
from local.engine.model import Engine, EngineUnavailableError, Progress, Registries
from local.engine.once import remove_others
from local.engine.plan import Plan

_PROJECT = Path(__file__).parents[2]


@contextlib.contextmanager
def open_private_engine(
    cache: Path,
    *,
    registries: Registries,
    progress: Progress,
    base_images: Sequence[str],
    htpasswd: Path | None = None,
    has_containerd_store: bool = True,
) -> Iterator[Engine]:
    """Start a private engine, and stop it at the end; see `local.engine.open_engine`."""
    this_release()  # refuses other systems
    _check_permissions()
    cache.mkdir(parents=True, exist_ok=True)
    cache = cache.resolve()
    with run_slot(cache) as (slot, lock), _run_folder(slot) as run:
        with installing(cache, progress):
            installation = install(cache, base_images, progress)
            if is_only_run(cache, slot):
                remove_others(installation.engine)
                remove_others(installation.base_images)
        plan = Plan(
            run=run,
            engine=installation.engine,
            state=slot / "state",
            base_images=installation.base_images,
            log=slot / "engine.log",
            cgroup=f"engine-{hashlib.sha256(bytes(slot)).hexdigest()[:12]}",
            storage_driver=installation.storage_driver,
            registries=registries,
            htpasswd=htpasswd,
            has_containerd_store=has_containerd_store,
        )
        progress("Starting a private container engine")
        with _started(plan, lock) as environment:
            loaded = load_base_images(environment, progress)
            yield Engine(
                kind="private",
                environment=environment,
                stand_ins=tuple(base_images),
                note="private engine without network access; stand-ins for the base images "
                + ", ".join(base_images)
                + " and the seed image"
                + (f"; loaded: {', '.join(loaded)}" if loaded else ""),
            )


def _check_permissions() -> None:
    if os.geteuid() != 0:
        raise EngineUnavailableError(
            "the private engine has to be started by root; start Docker, or run this as root"
        )
    for program in ("unshare", "nsenter", "setpriv", "mount"):
        if shutil.which(program) is None:
            raise EngineUnavailableError(
                f"'{program}' is missing: install the packages util-linux and mount"
            )
    tried = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        raise EngineUnavailableError(
            f"the private engine needs namespaces ({tried.stderr.strip()}); start Docker, or run "
            "this in a container with all privileges"
        )


@contextlib.contextmanager
def _run_folder(slot: Path) -> Iterator[Path]:
    """Make a folder for this run, with a link to it in the slot; remove that of a killed run."""
    link = slot / "run"
    shutil.rmtree(link.resolve(), ignore_errors=True)
    link.unlink(missing_ok=True)
    # Not in the cache itself: the path of a unix socket has 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    link.symlink_to(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        link.unlink(missing_ok=True)


@contextlib.contextmanager
def _started(plan: Plan, lock: int) -> Iterator[Mapping[str, str]]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(plan.authority))
    certificate = authority.issue_cert(*plan.targets)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(plan.certificate))
    file = plan.write()
    # slave: what the keeper mounts stays its own
    alone = ["unshare", "--mount", "--propagation", "slave"]
    with plan.log.open("wb") as log:
        keeper = subprocess.Popen(
            [*alone, sys.executable, "-m", "local.engine.keeper", str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=[lock],
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(_PROJECT)},
        )
    try:
        line = next(iter(keeper.stdout or ()), b"")
        if not line:
            keeper.wait()
            tail = plan.log.read_text(errors="replace").strip()[-2000:]
            raise EngineUnavailableError(
                f"the container engine did not start ({plan.log}):\n{tail}"
            )
        environment = _environment(plan, json.loads(line))
        _remove_leftovers(environment)
        yield environment
    finally:
        keeper.communicate()


def _remove_leftovers(environment: Mapping[str, str]) -> None:
    """Remove containers, volumes and nameless images of earlier runs; layers and cache stay."""
    # Volumes with a name are those of builders whose build was killed.
    for arguments in (("container", "prune"), ("volume", "prune", "--all"), ("image", "prune")):
        done = subprocess.run(
            ["docker", *arguments, "--force"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EngineUnavailableError(
                f"the container engine started but cannot be used: {done.stderr.strip()}"
            )


def _environment(plan: Plan, processes: Mapping[str, int]) -> Mapping[str, str]:
    """Lay out what a build sees: a docker command in the sandbox's network, and its settings."""
    folder = plan.run / "bin"
    folder.mkdir()
    docker = folder / "docker"
    docker.write_text(_docker_command(plan, processes["keeper"], processes["sandbox"]))
    docker.chmod(0o755)
    settings = plan.run / "docker"
    settings.mkdir()
    plugins = plan.engine / "usr/libexec/docker/cli-plugins"
    (settings / "config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(plugins)]}))
    return {
        "DOCKER_HOST": f"unix://{plan.docker_socket}",
        "DOCKER_CONFIG": str(settings),
        "BUILDX_CONFIG": str(settings / "buildx"),
        # What the user may have set for another engine would not fit this one.
        "DOCKER_CONTEXT": "",
        "DOCKER_TLS_VERIFY": "",
        "BUILDX_BUILDER": "",
        "PATH": f"{folder}:{os.environ.get('PATH', os.defpath)}",
        # A network namespace: the one in which containers have their addresses.
        "CONTAINER_NETWORK_NAMESPACE": f"/proc/{processes['sandbox']}/ns/net",
    }


def _docker_command(plan: Plan, keeper: int, sandbox: int) -> str:
    # buildx asks registries by itself at times, so the command has to be where they answer. What
    # is built from stays outside: only the command's network is the sandbox's, and its hosts file.
    enter = [
        *("nsenter", f"--mount=/proc/{keeper}/ns/mnt", f"--root=/proc/{keeper}/root"),
        f"--net=/proc/{sandbox}/ns/net",
    ]
    docker = str(plan.engine / "usr/bin/docker")
    # A builder in a container finds the engine in the sandbox's network, and ends with the engine.
    return (
        f"#!/bin/sh\nexport SSL_CERT_FILE={shlex.quote(str(plan.authority))}\n"
        'if [ "$1 $2" = "buildx create" ]; then\n'
        "  shift 2\n"
        '  set -- buildx create --driver-opt network=host,restart-policy=no "$@"\n'
        "fi\n"
        f'exec {shlex.join(enter)} --wdns="$PWD" {shlex.quote(docker)} "$@"\n'
    )
