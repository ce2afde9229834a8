"""The image's way into the repository, and the digest that it has there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from container_build.aws import Aws
from container_build.failure import BuildFailedError
from container_build.hints import failure_of, give_hint
from container_build.image import build_command, labels
from container_build.layer_cache import cache_target
from container_build.programs import Programs
from container_build.scan.images import MANIFESTS
from container_build.settings import Settings
from container_build.state import State
from container_build.tag import LENGTH, is_taken, with_number


def push_image(
    settings: Settings,
    state: State,
    programs: Programs,
    aws: Aws,
    secrets: Mapping[str, str],
) -> State:
    """Build the image and push it, with its layers as a cache.

    Parameters
    ----------
    settings
        The build's settings.
    state
        How far the build is.
    programs
        Runs Docker.
    aws
        Asks AWS.
    secrets
        The variables with the image's secrets.

    Returns
    -------
    State
        The state with the digest, and another tag if the one was taken meanwhile.

    Raises
    ------
    BuildFailedError
        If the image cannot be built or pushed, or has no digest.
    """
    status, said = _push(settings, state, programs, secrets)
    if status and state.tag == settings.commit[:LENGTH] and is_taken(aws, settings, state.tag):
        print(f"Another build of this commit has taken the tag {state.tag}")
        state = replace(state, tag=with_number(state.tag, settings))
        status, said = _push(settings, state, programs, secrets)
    if status:
        give_hint(said)
        raise BuildFailedError(f"The image cannot be built and pushed: {failure_of(said)}")
    try:
        metadata = json.loads(_metadata(settings).read_text(encoding="utf-8"))
        digest = str(metadata["containerimage.digest"])
        kind = (metadata.get("containerimage.descriptor") or {}).get("mediaType")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        digest = kind = ""
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise BuildFailedError("The build gave no digest: nothing will be deployed.")
    return replace(state, digest=digest, is_one_image=kind in MANIFESTS)


def _push(
    settings: Settings, state: State, programs: Programs, secrets: Mapping[str, str]
) -> tuple[int, str]:
    image = f"{settings.repository.uri}:{state.tag}"
    print(f"Building and pushing {image} for {settings.platforms}")
    command = build_command(
        *(settings, state, settings.platforms),
        # Without provenance the digest is the image's own and not that of an index around it: what
        # ECR scans when it is pushed is then what runs.
        "--provenance=false",
        *cache_target(settings, state),
        *labels(settings, state.commit),
        *("--tag", image, "--metadata-file", str(_metadata(settings)), "--push"),
    )
    return programs.docker(*command, variables=secrets)


def _metadata(settings: Settings) -> Path:
    return settings.folder / "metadata.json"
