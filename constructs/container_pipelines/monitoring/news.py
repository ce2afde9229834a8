"""Which news of a release are worth telling, and where they come from."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from container_pipelines._checks import check_one_of


class News(StrEnum):
    """What has happened."""

    FAILED = "failed"
    """A release, deployment, task or scan failed, or an alarm went on."""
    RECOVERED = "recovered"
    """A release succeeded after failures, or an alarm went off. Only Slack is told of releases."""
    APPROVAL = "approval"
    """Somebody must approve, or let traffic be shifted."""
    STARTED = "started"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    """Stopped, cancelled, or overtaken by a newer release."""


DEFAULT_NEWS: Final = frozenset({News.FAILED, News.RECOVERED, News.APPROVAL})


class EventKind(StrEnum):
    """Which AWS events are listened to."""

    RELEASES = "releases"
    """A pipeline's executions; they tell the failed action and its reason."""
    STAGES = "stages"
    """A pipeline's stages; says again what ``RELEASES`` says, but earlier."""
    ACTIONS = "actions"
    """A pipeline's actions, approvals excepted; as ``STAGES``."""
    APPROVALS = "approvals"
    """A pipeline's approvals: due, rejected, expired."""
    BUILDS = "builds"
    """A project's builds; for builds that no pipeline starts."""
    DEPLOYMENTS = "deployments"
    """Deployments of the service by ECS, those of ``cdk deploy`` included."""
    CODE_DEPLOY = "code_deploy"
    """Deployments of the deployment group by CodeDeploy."""
    TASKS = "tasks"
    """Tasks of the service that could not start, ended by themselves, or got unhealthy."""
    SCANS = "scans"
    """Scans of images that failed or found severe vulnerabilities, basic and enhanced."""


DEFAULT_EVENTS: Final = frozenset(EventKind) - {
    EventKind.STAGES,
    EventKind.ACTIONS,
    EventKind.BUILDS,
}


def check_news(news: Collection[News]) -> frozenset[News]:
    """Reject a choice of news that is none.

    Parameters
    ----------
    news
        The choice.

    Returns
    -------
    frozenset[News]
        The same.

    Raises
    ------
    ValueError
        If it is empty, or holds what is no news.
    """
    for one in news:
        check_one_of("news", one, list(News), fix="omit it for failed, recovered and approval")
    if not news:
        raise ValueError(
            "'news' must name at least one kind of news, got none; omit it for failed, recovered "
            "and approval, or leave this way of being told out"
        )
    return frozenset(map(News, news))


def check_events(kinds: Collection[EventKind]) -> frozenset[EventKind]:
    """Reject a choice of events that are none.

    Parameters
    ----------
    kinds
        The choice; may be empty.

    Returns
    -------
    frozenset[EventKind]
        The same.

    Raises
    ------
    ValueError
        If it holds what is no kind of event.
    """
    for one in kinds:
        check_one_of("events", one, list(EventKind), fix="omit it for what is told by default")
    return frozenset(map(EventKind, kinds))
