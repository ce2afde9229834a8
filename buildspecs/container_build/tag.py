"""The tag of a new image: seven characters of the commit."""

from __future__ import annotations

from container_build.programs import Programs
from container_build.settings import Settings

LENGTH = 7


def new_tag(programs: Programs, settings: Settings) -> str:
    """Choose a tag that is free.

    Parameters
    ----------
    programs
        Runs Docker, logged in to the registry.
    settings
        The build's settings.

    Returns
    -------
    str
        The tag. Tags do not move, so building a commit again, or building what has no commit, takes
        the build's number along.
    """
    tag = settings.commit[:LENGTH]
    if not tag:
        return f"build-{settings.build_number}"
    return with_number(tag, settings) if is_taken(programs, settings, tag) else tag


def with_number(tag: str, settings: Settings) -> str:
    """Make a tag that no other build can have."""
    return f"{tag}-{settings.build_number}"


def is_taken(programs: Programs, settings: Settings, tag: str) -> bool:
    """Ask the registry whether a tag is there."""
    status, _ = programs.docker_answer(
        "buildx", "imagetools", "inspect", f"{settings.repository.uri}:{tag}"
    )
    return status == 0
