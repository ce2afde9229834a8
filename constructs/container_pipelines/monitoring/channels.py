"""Channels that notifications are sent by."""

from collections.abc import Mapping
from typing import Protocol

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.notifications import EventKind, NotifyOn


class Channel(Protocol):
    """A channel that notifications are sent by.

    :class:`SlackNotifier`, :class:`AlertTopic` and :class:`ChatApplication` are channels.
    """

    @property
    def notify_on(self) -> frozenset[NotifyOn]:
        """What notifications are sent on."""

    def connect(
        self,
        scope: Construct,
        monitored: MonitoredResources,
        *,
        kinds: frozenset[EventKind],
        alarms: Mapping[str, cloudwatch.AlarmBase],
    ) -> None:
        """Connect the channel to events and alarms of the monitored resources.

        Parameters
        ----------
        scope
            Where the rules are made.
        monitored
            The resources.
        kinds
            Which of their events.
        alarms
            The alarms, by their names.
        """


class _NoChannel:
    notify_on: frozenset[NotifyOn] = frozenset()

    def connect(
        self,
        scope: Construct,
        monitored: MonitoredResources,
        *,
        kinds: frozenset[EventKind],
        alarms: Mapping[str, cloudwatch.AlarmBase],
    ) -> None:
        """Connect nothing."""


def no_notifications() -> tuple[Channel, ...]:
    """Choose to send no notifications: there are only the alarms and the dashboard.

    Returns
    -------
    tuple[Channel, ...]
        The value for ``PipelineAlarms(notifications=...)``.
    """
    return (_NoChannel(),)
