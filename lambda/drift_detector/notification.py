"""What people are notified of, as events on the account's bus in the shape of ECS's own."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from drift_detector.image import digest_of

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient

    from drift_detector.incident import Incident
    from drift_detector.watched import Watched

SOURCE: Final = "container-pipelines"
DETAIL_TYPE: Final = "Image Drift"


class State(StrEnum):
    """How far a drift has come."""

    DETECTED = "DETECTED"
    """There is one, and nothing is done about it."""
    RESTORING = "RESTORING"
    """A release of the recorded image has been started."""
    FROZEN = "FROZEN"
    """Releases are frozen, so none has been started."""
    BLOCKED = "BLOCKED"
    """Another release has been running for long."""
    GIVEN_UP = "GIVEN_UP"
    """Releases of the recorded image have failed repeatedly; others follow at long intervals."""
    STOPPED = "STOPPED"
    """A person has stopped the release of the recorded image, and none follows."""
    UNSETTLED = "UNSETTLED"
    """Something other than a release has been in progress for long."""
    RESTORED = "RESTORED"
    """The service runs the recorded image again."""


_NEXT: Final = {
    State.DETECTED: "Nothing is done about it: releases are not started automatically. To keep the "
    "running image, release it: start the pipeline with {variable}={running}. To have the recorded "
    "one again, start it with {variable}={recorded}.",
    State.RESTORING: "A release of the recorded image has been started: {because}. To keep the "
    "running image, stop that execution and start the pipeline with {variable}={running}; or, if "
    "it is in another repository, disable the transition into the stage that deploys.",
    State.FROZEN: "No release of the recorded image is started while {because}.",
    State.BLOCKED: "The recorded image is released once the release {because} has ended; stop that "
    "if it waits for somebody.",
    State.GIVEN_UP: "{because} releases of the recorded image have not brought it back. Find out "
    "why the last one failed, and release an image that gets healthy. The recorded one is tried "
    "again each 6 hours.",
    State.UNSETTLED: "Nothing is done about it while {because}, which has lasted for half an hour. "
    "Let it complete, or stop it.",
    State.STOPPED: "The release {because} of the recorded image was stopped, and no other is "
    "started until either image changes. To have the recorded image again, start the pipeline "
    "with {variable}={recorded}.",
}


def notify(
    events: EventBridgeClient,
    watched: Watched,
    incident: Incident,
    state: State,
    because: str = "",
) -> None:
    """Send the event.

    Parameters
    ----------
    events
        A client that may put events of this source on the default bus.
    watched
        What is watched.
    incident
        The drift.
    state
        How far it has come.
    because
        What the sentence for the state names.

    Raises
    ------
    RuntimeError
        If EventBridge has not taken the event.
    """
    detail = {
        "eventName": f"IMAGE_DRIFT_{state}",
        "reason": _reason(watched, incident, state, because),
        # The same for each time that it may be sent.
        "id": f"{watched.pipeline}/{incident.since}/{state}",
        "pipeline": watched.pipeline,
        "running": incident.running,
        "recorded": incident.recorded,
        **({"execution-id": incident.last.execution} if incident.last else {}),
    }
    answer = events.put_events(
        Entries=[
            {
                "Source": SOURCE,
                "DetailType": DETAIL_TYPE,
                "Resources": [watched.resource],
                "Detail": json.dumps(detail),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        code = answer["Entries"][0].get("ErrorCode", "no code")
        raise RuntimeError(f"EventBridge has not taken the event about {watched.service}: {code}")


def _reason(watched: Watched, incident: Incident, state: State, because: str) -> str:
    if state is State.RESTORED:
        return f"The service runs the recorded image again, {incident.recorded}."
    found = f"The service runs {incident.running}, and {incident.recorded} is recorded as live."
    following = _NEXT[state].format(
        because=because,
        variable=watched.variable,
        running=digest_of(incident.running) or "<its digest>",
        recorded=digest_of(incident.recorded),
    )
    return f"{found} {following}"
