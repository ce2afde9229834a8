"""The function's entry point: one look at one service.

It looks, acts and ends; the next event or the next tick of the schedule brings the next look. What
goes wrong raises, and the function's alarm says so when it stays wrong.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from drift_detector.clients import Clients, connect
from drift_detector.image import digest_of
from drift_detector.incident import Incident, Incidents, TakenError
from drift_detector.notification import State, notify
from drift_detector.releases import Releases
from drift_detector.running import Absent, running_image
from drift_detector.stack import stack_operation
from drift_detector.watched import InputError, Watched

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient

# Seconds before the second release of an incident, and before the third.
_WAITS: Final = (600, 1800)
# And before each further one: what was in the way, such as an alarm, may have passed.
_LONG_WAIT: Final = 6 * 3600
# After how many seconds people are notified that another release is in the way.
_PATIENCE: Final = 900
# And after how many, that something else is.
_LONG_PATIENCE: Final = 1800


def handle(event: object, context: object) -> None:
    """Compare what a service runs with what is recorded as live, and act on a difference.

    Parameters
    ----------
    event
        The constant input of the pipeline's rule.
    context
        Lambda's context; not needed.

    Raises
    ------
    InputError
        If the input cannot be worked with, or names what is not there.
    botocore.exceptions.ClientError
        If AWS rejects a request.
    """
    watched = Watched.parse(event)
    clients = connect(watched.role)
    try:
        _check(watched, clients, int(time.time()))
    except TakenError:
        _log("left to another invocation", watched)


def _check(watched: Watched, clients: Clients, now: int) -> None:
    recorded = _recorded(clients.ssm, watched)
    wanted = digest_of(recorded)
    if wanted is None:
        # The seed image, which no pipeline can release.
        _log("nothing released yet", watched, recorded=recorded)
        return
    found = running_image(clients.ecs, watched)
    if isinstance(found, Absent):
        _log("nothing to compare", watched, reason=found.reason)
        return
    unsettled = found.unsettled
    incidents = Incidents(clients.ssm, watched.incident)
    if digest_of(found.image) == wanted:
        if unsettled:
            _log("not settled", watched, reason=unsettled)
            return
        incident = incidents.read()
        if incident is not None:
            # First, so that of two that see the end one sends the event.
            incidents.write(None)
            if incident.notified:
                try:
                    notify(clients.events, watched, incident, State.RESTORED)
                except Exception:
                    incidents.write(incident)  # for the next look to send it
                    raise
        _log("as recorded" if incident is None else "restored", watched, image=found.image)
        return
    if not unsettled and watched.stack:
        status = stack_operation(clients.cloudformation, watched.stack)
        unsettled = f"the stack {watched.stack} is {status}" if status else None
    releases = Releases(clients.codepipeline, watched)
    incident = incidents.read()
    if unsettled and releases.underway():
        # As in each release.
        if incident is not None and incident.unsettled_since is not None:
            incidents.write(incident.with_settled(now))
        _log("not settled", watched, reason=unsettled)
        return
    if incident is None or not incident.is_about(found.image, recorded):
        incident = Incident(
            running=found.image,
            recorded=recorded,
            since=now,
            unsettled_since=now if unsettled else None,
        )
        incidents.write(incident)
    drift = _Drift(watched, clients, releases, incidents, incident, now)
    if unsettled:
        drift.wait(unsettled)
    else:
        drift.act(wanted)


def _recorded(ssm: SSMClient, watched: Watched) -> str:
    try:
        return ssm.get_parameter(Name=watched.pointer)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound as error:
        raise InputError(
            f"there is no parameter {watched.pointer}, which records the live image; deploy the "
            f"stack of the image pointer"
        ) from error


class _Drift:
    """A service that runs another image than the recorded one."""

    def __init__(
        self,
        watched: Watched,
        clients: Clients,
        releases: Releases,
        incidents: Incidents,
        incident: Incident,
        now: int,
    ) -> None:
        self._watched = watched
        self._clients = clients
        self._releases = releases
        self._incidents = incidents
        self._incident = incident
        self._now = now

    def wait(self, unsettled: str) -> None:
        """Leave it as it is while something other than a release is in progress."""
        self._log("not settled", reason=unsettled)
        since = self._incident.unsettled_since
        if since is None:
            self._remember(self._incident.with_unsettled(self._now))
        elif self._now - since >= _LONG_PATIENCE:
            self._notify(State.UNSETTLED, unsettled)

    def act(self, wanted: str) -> None:
        """Start a release, unless something stands in the way."""
        if self._incident.unsettled_since is not None:
            self._remember(self._incident.with_settled(self._now))
        releases = self._releases
        attempts, last = self._incident.attempts, self._incident.last
        underway = releases.underway()
        if underway:
            # A release is about to be recorded, or to change what runs; or it waits for somebody.
            self._log("a release is running", executions=underway)
            ours = last is not None and last.execution in underway
            if ours or self._now - self._incident.since < _PATIENCE:
                return
        # One that has ended by now has recorded its image by now.
        if _recorded(self._clients.ssm, self._watched) != self._incident.recorded:
            self._log("recorded meanwhile")
            return
        if not self._watched.restores:
            self._notify(State.DETECTED)
            return
        if frozen := releases.frozen():
            self._notify(State.FROZEN, frozen)
            return
        if underway:
            self._notify(State.BLOCKED, underway[-1])
            return
        if last is not None:
            if releases.was_stopped(last.execution):
                # Whoever did that wants what runs.
                self._notify(State.STOPPED, last.execution)
                return
            if attempts > len(_WAITS):
                self._notify(State.GIVEN_UP, str(attempts))
            wait = _WAITS[attempts - 1] if attempts <= len(_WAITS) else _LONG_WAIT
            if self._now - last.at < wait:
                self._log("waiting before the next release", attempts=attempts)
                return
        execution = releases.start(wanted, self._incident)
        self._log("release started", execution=execution)
        attempted = self._incident.with_attempt(execution, self._now)
        try:
            self._remember(attempted)
        except TakenError:
            # It has been started, whoever remembers that. Sent twice it has the same id.
            if State.RESTORING not in attempted.notified:
                notify(self._clients.events, self._watched, attempted, State.RESTORING, execution)
            raise
        self._notify(State.RESTORING, execution)

    def _notify(self, state: State, because: str = "") -> None:
        """Notify people, once for each state of a drift."""
        if state in self._incident.notified:
            self._log("known", state=state)
            return
        notify(self._clients.events, self._watched, self._incident, state, because)
        self._log("notified", state=state)
        self._remember(self._incident.with_notified(state))

    def _remember(self, incident: Incident) -> None:
        self._incidents.write(incident)
        self._incident = incident

    def _log(self, decision: str, **fields: object) -> None:
        _log(
            decision,
            self._watched,
            running=self._incident.running,
            recorded=self._incident.recorded,
            **fields,
        )


def _log(decision: str, watched: Watched, **fields: object) -> None:
    line = {"decision": decision, "service": watched.service, "pipeline": watched.pipeline}
    print(json.dumps({**line, **fields}))
