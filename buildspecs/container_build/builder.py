"""The builder that can keep a cache in a registry: BuildKit in a container."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from container_build.failure import BuildFailedError
from container_build.programs import Programs

_IMAGE = "moby/buildkit:buildx-stable-1"
# Builds of all of CodeBuild's customers share addresses, so that anonymous pulls from Docker Hub
# fail at random: about half a minute of trying.
_PAUSES = (1.0, 3.0, 7.0, 15.0)
_LIMIT = re.compile(r"toomanyrequests|rate limit", re.IGNORECASE)
# What a registry, or Docker itself, says where trying again cannot help.
_REFUSED = re.compile(
    r"not found|does not exist|(manifest|name|repository).unknown|denied|unauthori[sz]ed|forbidden"
    r"|no basic auth|invalid reference",
    re.IGNORECASE,
)


def start_builder(
    programs: Programs,
    folder: Path,
    pull_through_cache: str,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Make a builder and start it, which pulls its image.

    Parameters
    ----------
    programs
        Runs Docker.
    folder
        The build's folder.
    pull_through_cache
        The pull-through cache of Docker Hub that the builder's image, and those of Dockerfiles, are
        pulled from; Docker Hub itself without one.
    sleep
        Waits for some seconds.

    Returns
    -------
    str
        The builder's name.

    Raises
    ------
    BuildFailedError
        If it cannot be started: at once where that has been refused, and else when trying again
        for a while has not helped.
    """
    # Of this build alone, should several share an engine.
    name = f"builder-{folder.name.replace('.', '-').lower()}"
    options: list[str] = []
    if pull_through_cache:
        settings = folder / "buildkitd.toml"
        settings.write_text(
            f'[registry."docker.io"]\nmirrors = ["{pull_through_cache}"]\n', encoding="utf-8"
        )
        options = ["--driver-opt", f"image={pull_through_cache}/{_IMAGE}"]
        options += ["--buildkitd-config", str(settings)]
    status, said = programs.docker_answer(
        *("buildx", "create", "--name", name, "--driver", "docker-container", *options)
    )
    for pause in (*_PAUSES, None):
        if status:
            break
        start, said = programs.docker_answer("buildx", "inspect", "--bootstrap", name)
        if not start:
            return name
        if pause is None or _is_refused(said):
            break
        print(f"The builder does not start yet, trying again in {pause:.0f} s: {_last(said)}")
        sleep(pause)
    advice = (
        ""
        if pull_through_cache
        else "; log in to Docker Hub or pull through a cache (build.docker_hub or "
        "build.pull_through_cache in the settings)"
        if _LIMIT.search(said)
        else ""
    )
    raise BuildFailedError(f"The builder does not start: {_last(said)}{advice}")


def _is_refused(said: str) -> bool:
    # A registry that limits pulls can name the login that is missing.
    return bool(_REFUSED.search(_last(said))) and not _LIMIT.search(said)


def _last(said: str) -> str:
    return (said.strip().splitlines() or ["docker said nothing"])[-1]
