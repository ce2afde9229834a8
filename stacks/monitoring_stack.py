"""The stack that monitors the app's pipelines and services."""

import dataclasses
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from container_pipelines import (
    DEFAULT_THRESHOLDS,
    AlarmName,
    AlertTopic,
    AnomalyBand,
    Channel,
    ChatApplication,
    DeliveryDashboard,
    DriftDetector,
    EventKind,
    FunctionAlarm,
    NotifyOn,
    PipelineAlarms,
    ReleasePipeline,
    SlackBot,
    SlackNotifier,
    SlackWebhook,
    Threshold,
    no_notifications,
)
from stacks.monitoring_settings import (
    AlarmChanges,
    ChatSettings,
    Monitoring,
    SlackSettings,
    ThresholdSettings,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A service with the pipeline that releases it.

    Parameters
    ----------
    name
        The service's name.
    pipeline
        Its pipeline, which knows what it deploys to.
    alarms
        Changes to its alarms, beyond those of all services.
    """

    name: str
    pipeline: ReleasePipeline
    alarms: AlarmChanges = dataclasses.field(default_factory=AlarmChanges)


class MonitoringStack(cdk.Stack):
    """Alarms, notifications and dashboard of all services.

    Parameters
    ----------
    scope
        The app.
    construct_id
        The stack's id.
    app_name
        The app's name, which the dashboard gets.
    settings
        The settings.
    releases
        The releases to monitor.
    drift_detector
        What compares all services with what is recorded.
    env
        Where the stack goes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        app_name: str,
        settings: Monitoring,
        releases: Sequence[Release],
        drift_detector: DriftDetector,
        env: cdk.Environment | None,
    ) -> None:
        super().__init__(
            scope, construct_id, env=env, description="Monitors pipelines and what they deploy"
        )
        self._notify_on = [NotifyOn(notify_on) for notify_on in settings.notify_on]
        topic = (
            AlertTopic(self, "Mail", emails=settings.emails, notify_on=self._notify_on)
            if settings.emails
            else None
        )
        chat = (
            self._chat(settings.chat_application, app_name) if settings.chat_application else None
        )
        # What tells that the notifier itself fails.
        other = topic or chat
        notifier = self._slack(settings.slack, other) if settings.slack else None
        channels: list[Channel] = [
            channel for channel in (topic, notifier, chat) if channel is not None
        ]
        services = [
            PipelineAlarms(
                self,
                release.name,
                name=release.name,
                notifications=channels or no_notifications(),
                pipeline=release.pipeline,
                events=[EventKind(kind) for kind in settings.events],
                alarms=_alarms(settings.changed_by(release.alarms), settings.anomaly_deviations),
            )
            for release in releases
        ]
        FunctionAlarm(
            self,
            "DriftDetector",
            name=f"{app_name}-drift-detector-errors",
            function=drift_detector.function,
            interval=drift_detector.interval,
            notifications=channels or no_notifications(),
        )
        dashboard = DeliveryDashboard(
            self, "Dashboard", dashboard_name=app_name, services=services, notifier=notifier
        )
        cdk.CfnOutput(self, "DashboardName", value=dashboard.dashboard.dashboard_name)

    def _slack(
        self, settings: SlackSettings, other: AlertTopic | ChatApplication | None
    ) -> SlackNotifier:
        return SlackNotifier(
            self,
            "Slack",
            slack=self._credential(settings),
            notify_on=self._notify_on,
            docs_url=settings.docs_url,
            alarm_topic=other.topic if other else None,
        )

    def _credential(self, settings: SlackSettings) -> SlackWebhook | SlackBot:
        if settings.parameter is not None:
            if settings.channel is None:
                return SlackWebhook.from_parameter_store(settings.parameter)
            return SlackBot.from_parameter_store(settings.parameter, channel=settings.channel)
        secret = secretsmanager.Secret.from_secret_name_v2(
            self, "SlackSecret", settings.secret or ""
        )
        if settings.channel is None:
            return SlackWebhook.from_secret(secret)
        return SlackBot.from_secret(secret, channel=settings.channel)

    def _chat(self, settings: ChatSettings, app_name: str) -> ChatApplication:
        return ChatApplication(
            self,
            "Chat",
            configuration_name=app_name,
            slack_workspace_id=settings.workspace_id,
            slack_channel_id=settings.channel_id,
            notify_on=self._notify_on,
        )


def _alarms(
    settings: AlarmChanges, anomaly_deviations: float | None
) -> dict[AlarmName, Threshold | AnomalyBand | None]:
    changes: dict[AlarmName, Threshold | AnomalyBand | None] = {
        AlarmName(name): _threshold(DEFAULT_THRESHOLDS[AlarmName(name)], change)
        for name, change in settings.thresholds.items()
    }
    changes.update((AlarmName(name), None) for name in settings.alarms_left_out)
    if anomaly_deviations is not None:
        changes[AlarmName.UNUSUAL_DURATION] = AnomalyBand(deviations=anomaly_deviations)
    return changes


def _threshold(default: Threshold, change: ThresholdSettings) -> Threshold:
    minutes = change.period_minutes
    return Threshold(
        value=change.value or default.value,
        period=cdk.Duration.minutes(minutes) if minutes else default.period,
        periods=change.periods or default.periods,
        # Fewer periods than the default's data points would be none that can be met.
        datapoints=change.datapoints or (None if change.periods else default.datapoints),
    )
