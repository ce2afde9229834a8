"""What is to be recorded: the parameters of the pipeline's action."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

_IMAGE: Final = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")
_LONGEST: Final = 23 * 60 * 60  # CodePipeline ends the action itself after 24 hours


class ParameterError(Exception):
    """The action's user parameters cannot be worked with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release to record.

    Parameters
    ----------
    cluster, service
        The service that was deployed to.
    container
        The container of its tasks that got the image.
    image
        The image, as ``repository@sha256:...``.
    pointer, previous
        The SSM parameters that name the live image and the one before it.
    role
        The role that may look at this service and write these parameters.
    timeout
        After how many seconds the recorder gives up waiting.
    repository
        The repository in which the two images are marked; None to mark nothing.
    """

    cluster: str
    service: str
    container: str
    image: str
    pointer: str
    previous: str
    role: str
    timeout: int
    repository: str | None = None

    @classmethod
    def parse(cls, text: str | None) -> Release:
        """Read the action's user parameters.

        Parameters
        ----------
        text
            A JSON object with a text for each attribute.

        Returns
        -------
        Release
            The release.

        Raises
        ------
        ParameterError
            If something is missing or malformed; the message names the key.
        """
        try:
            values = json.loads(text or "null")
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise ParameterError(
                "UserParameters must be a JSON object, got something else; let "
                "ReleaseRecorder.action() make the action"
            )
        image = _text(values, "image")
        if not _IMAGE.fullmatch(image):
            raise ParameterError(
                f"'image' in UserParameters must be repository@sha256:<64 digits>, got "
                f"'{image[:200]}'; give the IMAGE_URI of the build's variables"
            )
        return cls(
            cluster=_text(values, "cluster"),
            service=_text(values, "service"),
            container=_text(values, "container"),
            image=image,
            pointer=_text(values, "pointer"),
            previous=_text(values, "previous"),
            role=_text(values, "role"),
            timeout=_seconds(values, "timeout"),
            repository=_text(values, "repository") if "repository" in values else None,
        )


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value:
        raise ParameterError(
            f"'{key}' in UserParameters must be a string, got {_shown(value)}; let "
            f"ReleaseRecorder.action() make the action"
        )
    return value


def _seconds(values: dict[str, Any], key: str) -> int:
    value = str(values.get(key, ""))
    if not re.fullmatch(r"[0-9]{1,6}", value) or not 0 < int(value) <= _LONGEST:
        raise ParameterError(
            f"'{key}' in UserParameters must be a number of seconds from 1 to {_LONGEST}, got "
            f"{_shown(values.get(key))}; let ReleaseRecorder.action() make the action"
        )
    return int(value)


def _shown(value: object) -> str:
    return "nothing" if value is None or value == "" else repr(value)[:100]
