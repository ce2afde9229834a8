"""Channels that notifications are sent by."""

from collections.abc import Mapping
from typing import Protocol

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from container_pipelines.monitoring._watched import Watched
from container_pipelines.monitoring.notifications import EventKind, NotifyOn


class Channel(Protocol):
    """A channel that notifications are sent by.

    :class:`SlackNotifier`, :class:`AlertTopic` and :class:`ChatApplication` are channels.
    """

    @property
    def notify_on(self) -> frozenset[NotifyOn]:
        """What it wants to be told."""

    def connect(
        self,
        scope: Construct,
        watched: Watched,
        *,
        kinds: frozenset[EventKind],
        alarms: Mapping[str, cloudwatch.AlarmBase],
    ) -> None:
        """Hand on the events of what is watched, and its alarms.

        Parameters
        ----------
        scope
            Where the rules are made.
        watched
            The resources.
        kinds
            Which of their events.
        alarms
            The alarms, by their names.
        """


class _Nobody:
    notify_on: frozenset[NotifyOn] = frozenset()

    def connect(
        self,
        scope: Construct,
        watched: Watched,
        *,
        kinds: frozenset[EventKind],
        alarms: Mapping[str, cloudwatch.AlarmBase],
    ) -> None:
        """Tell nobody."""


def no_notifications() -> tuple[Channel, ...]:
    """Choose that nobody is told: alarms and dashboard are there to be looked at.

    Returns
    -------
    tuple[Channel, ...]
        What ``PipelineAlarms(notifications=...)`` takes.
    """
    return (_Nobody(),)
