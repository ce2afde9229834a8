"""A container engine for the local cloud.

In it a build logs in, builds and pushes with the commands and the host names that it uses in AWS.
The registries behind those names are plain HTTP servers on this machine.

``CONTAINER_ENGINE`` chooses the engine: ``docker`` for the Docker that is running, ``private`` for
one that is unpacked into a cache folder and runs as long as it is needed, ``none`` for no engine.
Without it, the first of the two that works. ``BASE_IMAGES`` gives the private one base images of
one's own.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from local.engine.base_images import BaseImagesError, base_image_archives
from local.engine.docker import open_running_docker
from local.engine.model import Engine, EngineUnavailableError, Progress, Registries
from local.engine.private import open_private_engine
from local.engine.stand_ins import STAND_INS

__all__ = ["STAND_INS", "BaseImagesError", "Engine", "EngineUnavailableError", "open_engine"]


@contextlib.contextmanager
def open_engine(
    cache: Path,
    *,
    registries: Registries,
    progress: Progress,
    base_images: Sequence[str] = ("node:24-alpine",),
    htpasswd: Path | None = None,
    has_containerd_store: bool = True,
) -> Iterator[Engine]:
    """Open a container engine; at the end nothing of it runs any more.

    Parameters
    ----------
    cache
        Folder for what the private engine keeps: its programs, images and build cache. Several
        runs can use it at the same time; each has a build cache of its own.
    registries
        Host name, such as ``123456789012.dkr.ecr.eu-west-1.amazonaws.com``, -> host and port on
        this machine of a registry that speaks plain HTTP and is running.
    progress
        Called with a line for people before each step that takes time.
    base_images
        What the private engine stands in for, of `STAND_INS`.
    htpasswd
        Who may pull base images from the private engine's Docker Hub, as an htpasswd file with
        bcrypt hashes; anyone without it.
    has_containerd_store
        Whether the private engine keeps images in containerd's store, which builders in containers
        need there. CodeBuild's engine does not.

    Raises
    ------
    EngineUnavailableError
        If there is no engine to be had; the message says why and what to do.
    BaseImagesError
        If ``BASE_IMAGES`` cannot be used.
    """
    base_image_archives()  # errors in them are reported before anything is started
    choice = os.environ.get("CONTAINER_ENGINE", "")
    engines = {
        "docker": lambda: open_running_docker(registries=registries, progress=progress),
        "private": lambda: open_private_engine(
            cache,
            registries=registries,
            progress=progress,
            base_images=base_images,
            htpasswd=htpasswd,
            has_containerd_store=has_containerd_store,
        ),
    }
    if choice == "none":
        raise EngineUnavailableError("CONTAINER_ENGINE=none: unset it to use an engine")
    if choice and choice not in engines:
        raise EngineUnavailableError(
            f"CONTAINER_ENGINE is '{choice}'; use docker, private or none, or unset it"
        )
    with contextlib.ExitStack() as stack:
        reasons = []
        for kind in [choice] if choice else engines:
            try:
                engine = stack.enter_context(engines[kind]())
            except EngineUnavailableError as unavailable:
                reasons.append(f"{kind}: {unavailable}")
            else:
                break
        else:
            raise EngineUnavailableError("no container engine:\n" + "\n".join(reasons))
        yield engine
