"""The options of ``docker buildx build``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from container_build.layer_cache import cache_source
from container_build.settings import Settings
from container_build.source import path_in_source
from container_build.state import State

_LABEL = "org.opencontainers.image"


def build_command(settings: Settings, state: State, platforms: str, *options: str) -> list[str]:
    """Give the arguments for Docker that build the image.

    Every value is an argument of its own, and none is part of a command line. The paths are
    absolute: Docker does not run in the source.

    Parameters
    ----------
    settings
        The build's settings.
    state
        How far the build is.
    platforms
        What to build for, separated by commas.
    *options
        What becomes of the image.

    Returns
    -------
    list[str]
        The arguments; the context is the last.

    Raises
    ------
    BuildFailedError
        If Dockerfile or context have come to lead out of the source.
    """
    wanted = settings.options
    context = check_paths(settings)
    arguments = ["buildx", "build", "--progress", "plain"]
    if state.builder:
        arguments += ["--builder", state.builder]
    arguments += ["--file", str(settings.source / wanted.dockerfile)]
    arguments += ["--platform", platforms]
    arguments += cache_source(settings, state)
    if wanted.target is not None:
        arguments += ["--target", wanted.target]
    for name, value in wanted.arguments.items():
        arguments += ["--build-arg", f"{name}={value}"]
    for secret, variable in wanted.secrets.items():
        arguments += ["--secret", f"id={secret},env={variable}"]
    return [*arguments, *options, str(context)]


def check_paths(settings: Settings) -> Path:
    """Refuse a Dockerfile or context that leads out of the source.

    Parameters
    ----------
    settings
        The build's settings.

    Returns
    -------
    Path
        The context.

    Raises
    ------
    BuildFailedError
        If one does.
    """
    dockerfile = Path(settings.options.dockerfile)
    # Docker takes 'dockerfile' where there is no 'Dockerfile'.
    for path in (dockerfile, dockerfile.with_name(dockerfile.name.lower())):
        path_in_source(settings.source, str(path), "build.dockerfile")
    return path_in_source(settings.source, settings.options.context, "build.context")


def secret_variables(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that hold the image's secrets, which builds of it alone may see.

    Parameters
    ----------
    settings
        The build's settings.
    environ
        The build's variables.

    Returns
    -------
    dict[str, str]
        The variables.
    """
    return {name: environ[name] for name in settings.options.secrets.values() if name in environ}


def labels(settings: Settings, commit: str) -> list[str]:
    """Give the options for what the build knows of the image.

    Parameters
    ----------
    settings
        The build's settings.
    commit
        The commit, if it is known.

    Returns
    -------
    list[str]
        The options. What is not known is left out, so that a label of the Dockerfile stays.
    """
    now = dt.datetime.now(dt.timezone.utc)  # noqa: UP017 - 3.9
    known = {
        "created": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "revision": commit,
        "source": settings.source_url,
    }
    options: list[str] = []
    for name, value in known.items():
        if value:
            options += ["--label", f"{_LABEL}.{name}={value}"]
    return options
