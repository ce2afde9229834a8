"""What is watched: the constant input of a pipeline's rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class InputError(Exception):
    """The function's input cannot be worked with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A service, its pipeline, and what records its live image.

    Parameters
    ----------
    cluster, service
        The service.
    resource
        Its ARN.
    container
        The container that gets the image.
    pointer
        The SSM parameter that names the live image.
    incident
        The SSM parameter that remembers what has been done about a drift.
    pipeline
        The pipeline that releases images.
    variable
        The pipeline's variable that names the image to release.
    role
        The role that may look at these, and start the pipeline.
    restores
        Whether a release is started; otherwise people are notified, and that is all.
    stack
        The stack of the service, where it is known.
    """

    cluster: str
    service: str
    resource: str
    container: str
    pointer: str
    incident: str
    pipeline: str
    variable: str
    role: str
    restores: bool
    stack: str | None = None

    @classmethod
    def parse(cls, event: object) -> Watched:
        """Read the input.

        Parameters
        ----------
        event
            A JSON object with the attributes.

        Returns
        -------
        Watched
            What is watched.

        Raises
        ------
        InputError
            If something is missing or malformed; the message names the key.
        """
        if not isinstance(event, dict):
            raise InputError(
                "the input must be a JSON object, got something else; let DriftDetector.watch() "
                "make the rule"
            )
        return cls(
            cluster=_text(event, "cluster"),
            service=_text(event, "service"),
            resource=_text(event, "resource"),
            container=_text(event, "container"),
            pointer=_text(event, "pointer"),
            incident=_text(event, "incident"),
            pipeline=_text(event, "pipeline"),
            variable=_text(event, "variable"),
            role=_text(event, "role"),
            restores=_restores(event),
            stack=_text(event, "stack") if "stack" in event else None,
        )


def _text(event: dict[str, Any], key: str) -> str:
    value = event.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(
            f"'{key}' of the input must be a string, got {_shown(value)}; let "
            f"DriftDetector.watch() make the rule"
        )
    return value


def _restores(event: dict[str, Any]) -> bool:
    value = event.get("restores")
    if not isinstance(value, bool):
        raise InputError(
            f"'restores' of the input must be true or false, got {_shown(value)}; let "
            f"DriftDetector.watch() make the rule"
        )
    return value


def _shown(value: object) -> str:
    return "nothing" if value is None or value == "" else repr(value)[:100]
