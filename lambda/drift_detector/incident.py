"""What is remembered of a drift: since when there is one, and what has been done about it.

It stands in an SSM parameter next to the image pointer, which is made with the first difference
that is seen. It is never deleted: for half a minute after that its name could not be used again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient
    from types_boto3_ssm.type_defs import ParameterTypeDef, PutParameterResultTypeDef

_NONE: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A release that was started to end the drift.

    Parameters
    ----------
    execution
        The pipeline's execution.
    at
        When, in seconds since 1970.
    """

    execution: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One drift, from one image to another.

    Parameters
    ----------
    running, recorded
        The images.
    since
        When it was seen first, in seconds since 1970.
    attempts
        How many releases were started.
    last
        The last of them.
    unsettled_since
        Since when something is in progress while no release is, in seconds since 1970; None if
        nothing is.
    notified
        What people have been notified of.
    """

    running: str
    recorded: str
    since: int
    attempts: int = 0
    last: Attempt | None = None
    unsettled_since: int | None = None
    notified: tuple[str, ...] = ()

    def is_about(self, running: str, recorded: str) -> bool:
        """Return whether it is the drift between these two images."""
        return (self.running, self.recorded) == (running, recorded)

    def with_attempt(self, execution: str, at: int) -> Incident:
        """Return it with one more release."""
        attempt = Attempt(execution=execution, at=at)
        return replace(self, attempts=self.attempts + 1, last=attempt)

    def with_unsettled(self, since: int) -> Incident:
        """Return it with since when something is in progress."""
        return replace(self, unsettled_since=since)

    def with_settled(self, now: int) -> Incident:
        """Return it with nothing in progress: what has not been acted upon begins now."""
        return replace(self, unsettled_since=None, since=self.since if self.attempts else now)

    def with_notified(self, state: str) -> Incident:
        """Return it with one more state that people know of."""
        return replace(self, notified=(*self.notified, state))


class TakenError(Exception):
    """Another invocation has written meanwhile, and acts on what it saw."""


class Incidents:
    """The parameter.

    Parameter Store writes unconditionally. So a write is preceded by another look at the version,
    and of two that coincide nevertheless, the later one stands, although its writer gives up. What
    is lost then is done again by a later look: the start of the same release with the same token,
    the notification with the same id.

    Parameters
    ----------
    ssm
        A client that may read and write it.
    name
        Its name.
    """

    def __init__(self, ssm: SSMClient, name: str) -> None:
        self._ssm = ssm
        self._name = name
        self._version = 0

    def read(self) -> Incident | None:
        """Get the present drift, if one is remembered."""
        found = self._get()
        if found is None:
            return None
        self._version = found["Version"]
        return _parsed(found["Value"])

    def write(self, incident: Incident | None) -> None:
        """Remember a drift, or that there is none any more.

        Parameters
        ----------
        incident
            The drift.

        Raises
        ------
        TakenError
            If another invocation has written since this one read: nothing is written where that
            was seen before; where it is seen afterwards, in the version, this one's value stands.
        """
        found = self._get()
        if found is not None and found["Version"] > self._version:
            raise TakenError(self._name)
        errors = self._ssm.exceptions
        try:
            answer = self._put(_written(incident))
        except (errors.ParameterAlreadyExists, errors.TooManyUpdates) as error:
            raise TakenError(self._name) from error
        # Of those who overwrite the same version, one makes the next.
        expected, self._version = self._version + 1, answer["Version"]
        if self._version != expected:
            raise TakenError(self._name)

    def _get(self) -> ParameterTypeDef | None:
        try:
            return self._ssm.get_parameter(Name=self._name)["Parameter"]
        except self._ssm.exceptions.ParameterNotFound:
            return None

    def _put(self, value: str) -> PutParameterResultTypeDef:
        if self._version:
            return self._ssm.put_parameter(Name=self._name, Value=value, Overwrite=True)
        return self._ssm.put_parameter(Name=self._name, Value=value, Type="String")


def _written(incident: Incident | None) -> str:
    if incident is None:
        return _NONE
    return json.dumps(
        {
            "running": incident.running,
            "recorded": incident.recorded,
            "since": incident.since,
            "attempts": incident.attempts,
            "last": [incident.last.execution, incident.last.at] if incident.last else None,
            "unsettled_since": incident.unsettled_since,
            "notified": list(incident.notified),
        }
    )


def _parsed(text: str) -> Incident | None:
    """Read what was written; what somebody else has written there is no drift that is known."""
    try:
        found: dict[str, Any] = json.loads(text)
        return Incident(
            running=str(found["running"]),
            recorded=str(found["recorded"]),
            since=int(found["since"]),
            attempts=int(found["attempts"]),
            last=_attempt(found["last"]),
            unsettled_since=_seconds(found["unsettled_since"]),
            notified=tuple(map(str, found["notified"])),
        )
    except (ValueError, TypeError, KeyError):
        return None


def _attempt(found: list[Any] | None) -> Attempt | None:
    if found is None:
        return None
    execution, at = found
    return Attempt(execution=str(execution), at=int(at))


def _seconds(found: Any) -> int | None:
    return None if found is None else int(found)
