"""What to release: a new image, or one that is in the repository already."""

from __future__ import annotations

import json
import re
from typing import Any

from container_build.aws import Aws
from container_build.failure import BuildFailedError
from container_build.programs import AwsError, Programs
from container_build.settings import Settings

_DIGEST = r"sha256:[0-9a-f]{64}"
_REVISION = "org.opencontainers.image.revision"


def chosen_image(aws: Aws, settings: Settings) -> tuple[str, bool]:
    """Find the image that is to be released again.

    Parameters
    ----------
    aws
        Asks AWS.
    settings
        The build's settings.

    Returns
    -------
    tuple[str, bool]
        The image by digest, and whether it is recorded as live or as the one before: then it has
        passed the gate. Images are pushed before they are scanned, so that any other digest of the
        repository may be one that the gate has blocked.

    Raises
    ------
    BuildFailedError
        If it is no image of the repository by digest, or the record cannot be read.
    """
    wanted = settings.release_image
    if wanted == "previous":
        if not settings.previous_parameter:
            raise BuildFailedError(
                "This pipeline does not record the previous image: name one by its digest."
            )
        try:
            image = _parameter(aws, settings.previous_parameter)
        except AwsError as error:
            raise BuildFailedError(
                f"The previous image cannot be read from the parameter "
                f"{settings.previous_parameter}: {error}"
            ) from None
        return _checked(image, settings), True
    image = f"{settings.repository.uri}@{wanted}" if wanted.startswith("sha256:") else wanted
    return _checked(image, settings), _is_recorded(aws, settings, image)


def commit_of(programs: Programs, image: str) -> str:
    """Read from the labels of an image which commit it is of.

    Parameters
    ----------
    programs
        Runs Docker.
    image
        The image by digest.

    Returns
    -------
    str
        The commit; empty where the label is missing or is no commit's id.

    Raises
    ------
    BuildFailedError
        If there is no such image.
    """
    status, shown = programs.docker_answer(
        *("buildx", "imagetools", "inspect", image, "--format", "{{ json .Image }}")
    )
    if status:
        cause = (shown.strip().splitlines() or ["docker said nothing"])[-1]
        raise BuildFailedError(f"There is no image {image}: {cause}")
    found: Any = json.loads(shown)
    # An image for several platforms is shown as one for each, all with the same labels.
    if "config" not in found:
        found = next(iter(found.values()), {})
    revision = str(((found.get("config") or {}).get("Labels") or {}).get(_REVISION))
    return revision if re.fullmatch(r"[0-9a-f]{7,64}", revision) else ""


def _checked(image: str, settings: Settings) -> str:
    uri = settings.repository.uri
    if not re.fullmatch(f"{re.escape(uri)}@{_DIGEST}", image):
        raise BuildFailedError(f"Nothing to go back to: '{image}' is no image of {uri} by digest.")
    return image


def _is_recorded(aws: Aws, settings: Settings, image: str) -> bool:
    for parameter in (settings.live_parameter, settings.previous_parameter):
        try:
            if parameter and _parameter(aws, parameter) == image:
                return True
        except AwsError as error:
            print(f"The record {parameter} cannot be read, so the scan decides: {error}")
    return False


def _parameter(aws: Aws, name: str) -> str:
    answer = aws.ask("ssm", "GetParameter", {"Name": name})
    try:
        return str(answer["Parameter"]["Value"])
    except (TypeError, KeyError):
        raise AwsError(f"the parameter {name} has no value") from None
