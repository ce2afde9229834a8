"""Channels that notifications are sent by."""

from collections.abc import Mapping, Sequence
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


def channels_of(notifications: Channel | Sequence[Channel]) -> tuple[Channel, ...]:
    """Give the channels, of which one alone needs no list.

    Parameters
    ----------
    notifications
        As the caller has given them.

    Returns
    -------
    tuple[Channel, ...]
        The channels.

    Raises
    ------
    ValueError
        If there is none.
    """
    channels: tuple[Channel, ...] = (
        tuple(notifications) if isinstance(notifications, Sequence) else (notifications,)
    )
    if not channels:
        raise ValueError(
            "'notifications' must name at least one channel, got none; give a SlackNotifier, an "
            "AlertTopic or a ChatApplication, or no_notifications()"
        )
    return channels


def no_notifications() -> Channel:
    """Choose to send no notifications: there are only the alarms and the dashboard.

    Returns
    -------
    Channel
        The value for ``PipelineAlarms(notifications=...)``.
    """
    return _NoChannel()
