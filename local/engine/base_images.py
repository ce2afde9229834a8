"""Base images of one's own, for an engine without a network.

``BASE_IMAGES`` names archives as ``docker save`` writes them, with ``:`` between. The names in them
are those that a Dockerfile asks for, of whatever registry.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.engine.model import Progress


class BaseImagesError(Exception):
    """``BASE_IMAGES`` cannot be used; the message says why and what to do."""


def base_image_archives() -> list[Path]:
    """Return the archives that ``BASE_IMAGES`` names.

    Returns
    -------
    list of pathlib.Path
        The archives.

    Raises
    ------
    BaseImagesError
        If one is not there.
    """
    named = os.environ.get("BASE_IMAGES", "").split(os.pathsep)
    archives = [Path(name).expanduser().resolve() for name in named if name]
    for archive in archives:
        if not archive.is_file():
            raise BaseImagesError(
                f"BASE_IMAGES names {archive}, which is no file: write one with "
                f"'docker save --output {archive.name} IMAGE', or unset it"
            )
    return archives


def load_base_images(environment: Mapping[str, str], progress: Progress) -> list[str]:
    """Load the archives into an engine.

    Parameters
    ----------
    environment
        What a process needs beside its own environment to use the engine.
    progress
        Called with a line for people before each archive.

    Returns
    -------
    list of str
        The names of the images.

    Raises
    ------
    BaseImagesError
        If an archive is not there, or the engine takes it for none.
    """
    names = []
    for archive in base_image_archives():
        progress(f"Loading base images from {archive.name}")
        done = subprocess.run(
            ["docker", "load", "--input", str(archive)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BaseImagesError(
                f"BASE_IMAGES names {archive}, which 'docker load' refuses: {done.stderr.strip()}"
            )
        names += [
            line.partition(": ")[2]
            for line in done.stdout.splitlines()
            if line.startswith("Loaded image: ")
        ]
    return names
