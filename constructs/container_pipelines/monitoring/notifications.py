"""Which notifications of a release are sent, and the AWS events that they come from."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final


class NotifyOn(StrEnum):
    """What a notification is sent on."""

    FAILED = "failed"
    """A release, deployment, task or scan failed, or an alarm went into ``ALARM``."""
    RECOVERED = "recovered"
    """A release succeeded after failures, an alarm went back to ``OK``, or a drift has ended.
    Recovered releases are sent to Slack alone."""
    APPROVAL = "approval"
    """Somebody must approve, or let traffic be shifted."""
    STARTED = "started"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    """Stopped, cancelled, or superseded by a newer release."""


DEFAULT_NOTIFY_ON: Final = frozenset({NotifyOn.FAILED, NotifyOn.RECOVERED, NotifyOn.APPROVAL})


class EventKind(StrEnum):
    """Which AWS events notifications are made of."""

    RELEASES = "releases"
    """A pipeline's executions, with the failed action and its reason."""
    STAGES = "stages"
    """A pipeline's stages; repeats ``RELEASES``, but earlier."""
    ACTIONS = "actions"
    """A pipeline's actions, approvals excepted; as ``STAGES``."""
    APPROVALS = "approvals"
    """A pipeline's approvals: due, rejected, expired."""
    BUILDS = "builds"
    """A project's builds; for builds that no pipeline starts."""
    DEPLOYMENTS = "deployments"
    """Deployments of the service by ECS, those of ``cdk deploy`` included, and drifts of its image
    that a :class:`DriftDetector` has found."""
    CODE_DEPLOY = "code_deploy"
    """Deployments of the deployment group by CodeDeploy."""
    TASKS = "tasks"
    """Tasks of the service that could not start, ended unexpectedly, or became unhealthy."""
    SCANS = "scans"
    """Scans of images that failed or found severe vulnerabilities, basic and enhanced."""


DEFAULT_EVENTS: Final = frozenset(EventKind) - {
    EventKind.STAGES,
    EventKind.ACTIONS,
    EventKind.BUILDS,
}


def check_notify_on(notify_on: Collection[NotifyOn]) -> frozenset[NotifyOn]:
    """Reject an empty choice of what notifications are sent on.

    Parameters
    ----------
    notify_on
        The choice.

    Returns
    -------
    frozenset[NotifyOn]
        The same.

    Raises
    ------
    ValueError
        If it is empty.
    """
    if not notify_on:
        raise ValueError(
            "'notify_on' must hold at least one value, got none; omit it for failed, recovered "
            "and approval, or leave this channel out"
        )
    return frozenset(notify_on)
