"""Alarms and events of a pipeline and what it deploys."""

from collections.abc import Collection, Sequence
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from constructs import Construct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._types import checked
from container_pipelines.build.build_project import BuildProject
from container_pipelines.monitoring._alarms import add_alarms
from container_pipelines.monitoring.channels import Channel, channels_of
from container_pipelines.monitoring.monitored_resources import MonitoredResources, ReleasePipeline
from container_pipelines.monitoring.notifications import (
    DEFAULT_EVENTS,
    EventKind,
    NotifyOn,
)
from container_pipelines.monitoring.slack_notifier import SlackNotifier
from container_pipelines.monitoring.thresholds import AlarmName, Thresholds, merged_thresholds

# Events of the pipeline cover these too, and better: with the action and its reason.
_COVERED_BY_EVENTS: Final = frozenset({AlarmName.FAILED_RELEASES, AlarmName.FAILED_BUILDS})
_FINDINGS: Final = {
    "CloudWatchAlarmAction": "A rule for their changes of state notifies Slack, so that the alarms "
    "need no action for it; of a failed release or build the pipeline's own event tells more.",
    "Serverless-EventBusDLQ": "EventBridge tries for an hour to deliver a notification; later it "
    "helps nobody. What goes to Slack, by a function, has a dead-letter queue.",
}


@checked()
class PipelineAlarms(Construct):
    """Monitors a pipeline and what it deploys, and sends notifications of both.

    Takes a pipeline construct of this library, plain CDK resources, or any part of them; what is
    not given is not monitored. Its rules match events of these resources alone. Any number of these
    constructs share a notifier, a topic or a chat application, in the same stack or another.

    A failed release is notified once: a channel that gets the pipeline's events does not get the
    alarms on failed releases and builds.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    name
        What alarm names start with: ``<name>-failed-releases`` and so on. An alarm's name is
        unique in an account and region, and known before it is made, so that a service can name
        its alarms for its deployments.
    notifications
        The channel that notifications are sent by, or several, each on what its ``notify_on``
        names: :class:`SlackNotifier`, :class:`AlertTopic`, :class:`ChatApplication`; or
        :func:`no_notifications`.
    pipeline
        A pipeline construct of this library, whose build, repository, service, target groups and
        deployment group are then monitored too; or a pipeline alone.
    build
        A build project; by default the pipeline construct's.
    service
        The ECS service; by default the pipeline construct's.
    target_groups
        The service's target group, or both of them where traffic is shifted; by default the
        pipeline construct's.
    repository
        The repository whose scans are monitored; by default the build's.
    deployment_group
        CodeDeploy's deployment group, where it deploys; by default the pipeline construct's.
    events
        The events to send notifications of; by default not those of stages, actions and builds,
        which repeat the pipeline's.
    alarms
        Changes to :data:`DEFAULT_THRESHOLDS`, by the :class:`AlarmName`; None leaves an alarm out.

    Attributes
    ----------
    alarms
        The alarms: by their :class:`AlarmName`, that of a second target group with ``-2``.
    monitored
        The monitored resources.
    measured
        Whether a :class:`SlackNotifier` publishes metrics of the releases.

    Raises
    ------
    ValueError
        If there is nothing to monitor or no channel, the name cannot start an alarm's
        name, a resource is known to be in another region, there is no such alarm or event, or the
        load balancer of a target group is not known.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        notifications: Channel | Sequence[Channel],
        pipeline: codepipeline.IPipeline | ReleasePipeline | None = None,
        build: codebuild.IProject | BuildProject | None = None,
        service: ecs.IBaseService | None = None,
        target_groups: Sequence[elbv2.IApplicationTargetGroup] = (),
        repository: ecr.IRepository | None = None,
        deployment_group: codedeploy.IEcsDeploymentGroup | None = None,
        events: Collection[EventKind] = DEFAULT_EVENTS,
        alarms: Thresholds | None = None,
    ) -> None:
        kinds = frozenset(events)
        thresholds = merged_thresholds(alarms or {})
        channels = channels_of(notifications)
        self.monitored = MonitoredResources.of(
            name=name,
            pipeline=pipeline,
            build=build,
            service=service,
            target_groups=target_groups,
            repository=repository,
            deployment_group=deployment_group,
        )
        self.monitored.check_region(scope)
        self.measured = any(isinstance(channel, SlackNotifier) for channel in channels)
        super().__init__(scope, construct_id)
        self.alarms = add_alarms(self, self.monitored, thresholds)
        for channel in channels:
            channel.connect(
                self, self.monitored, kinds=kinds, alarms=self._alarms_for(channel, kinds)
            )
        # Without notifications it is true that nobody hears of an alarm.
        if any(NotifyOn.FAILED in channel.notify_on for channel in channels):
            acknowledge(self, _FINDINGS)

    def _alarms_for(
        self, channel: Channel, kinds: frozenset[EventKind]
    ) -> dict[str, cloudwatch.AlarmBase]:
        covered = (
            self.monitored.pipeline is not None
            and EventKind.RELEASES in kinds
            and NotifyOn.FAILED in channel.notify_on
        )
        return {
            f"{self.monitored.name}-{name}": alarm
            for name, alarm in self.alarms.items()
            if not (covered and name in _COVERED_BY_EVENTS)
        }
