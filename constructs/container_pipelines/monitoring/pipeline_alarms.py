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

from container_pipelines.build.build_project import BuildProject
from container_pipelines.monitoring._alarms import add_alarms
from container_pipelines.monitoring._watched import ReleasePipeline, Watched
from container_pipelines.monitoring.channels import Channel
from container_pipelines.monitoring.notifications import (
    DEFAULT_EVENTS,
    EventKind,
    NotifyOn,
    check_events,
)
from container_pipelines.monitoring.slack_notifier import SlackNotifier
from container_pipelines.monitoring.thresholds import AlarmName, Thresholds, merged_thresholds

# What an event of the pipeline tells as well, and better: with the action and its reason.
_SAID_BY_EVENTS: Final = frozenset({AlarmName.FAILED_RELEASES, AlarmName.FAILED_BUILDS})


class PipelineAlarms(Construct):
    """Watches a pipeline and what it deploys, and tells those who want to know.

    Takes a pipeline construct of this library, plain CDK resources, or any part of them; what is
    not given is not watched. Its rules match events of these resources alone. Any number of these
    constructs share a notifier, a topic or a chat application, in the same stack or another.

    A failed release is told once: where events of the pipeline are, the alarms on failed releases
    and builds are made but tell nobody.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    name
        What alarms are called: ``<name>-failed-releases`` and so on. An alarm's name is unique in
        an account and region, and known before it is made, so that a service can name its alarms
        for its deployments.
    notifications
        Who is told: :class:`SlackNotifier`, :class:`AlertTopic`, :class:`ChatApplication`, each
        with the ``notify_on`` of each; or :func:`no_notifications`.
    pipeline
        A pipeline construct of this library, whose build, repository and service are then watched
        too; or a pipeline alone.
    build
        A build project; by default the pipeline construct's.
    service
        The ECS service; by default the pipeline construct's.
    target_groups
        The service's target group, or both of them where traffic is shifted.
    repository
        Where images are scanned; by default the build's.
    deployment_group
        CodeDeploy's, where it deploys.
    events
        Which events are listened to; stages, actions and builds by default not, for they say what
        the pipeline's events say.
    alarms
        Changes to :data:`DEFAULT_THRESHOLDS`, by the :class:`AlarmName`; None leaves an alarm out.

    Attributes
    ----------
    alarms
        The alarms: by their :class:`AlarmName`, that of a second target group with ``-2``.
    watched
        What is watched.
    measured
        Whether a notifier measures the releases.

    Raises
    ------
    ValueError
        If there is nothing to watch or nobody chosen to tell, the name cannot start an alarm's
        name, a resource is known to be in another region, there is no such alarm or event, or a
        target group does not tell its load balancer.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        notifications: Sequence[Channel],
        pipeline: codepipeline.IPipeline | ReleasePipeline | None = None,
        build: codebuild.IProject | BuildProject | None = None,
        service: ecs.IBaseService | None = None,
        target_groups: Sequence[elbv2.IApplicationTargetGroup] = (),
        repository: ecr.IRepository | None = None,
        deployment_group: codedeploy.IEcsDeploymentGroup | None = None,
        events: Collection[EventKind] = DEFAULT_EVENTS,
        alarms: Thresholds | None = None,
    ) -> None:
        kinds = check_events(events)
        thresholds = merged_thresholds(alarms or {})
        if not notifications:
            raise ValueError(
                "'notifications' must name at least one way of being told, got none; give a "
                "SlackNotifier, an AlertTopic or a ChatApplication, or no_notifications()"
            )
        self.watched = Watched.of(
            name=name,
            pipeline=pipeline,
            build=build,
            service=service,
            target_groups=target_groups,
            repository=repository,
            deployment_group=deployment_group,
        )
        self.watched.check_region(scope)
        self.measured = any(isinstance(channel, SlackNotifier) for channel in notifications)
        super().__init__(scope, construct_id)
        self.alarms = add_alarms(self, self.watched, thresholds)
        for channel in notifications:
            channel.connect(self, self.watched, kinds=kinds, alarms=self._to_tell(channel, kinds))

    def _to_tell(
        self, channel: Channel, kinds: frozenset[EventKind]
    ) -> dict[str, cloudwatch.AlarmBase]:
        told = (
            self.watched.pipeline is not None
            and EventKind.RELEASES in kinds
            and NotifyOn.FAILED in channel.notify_on
        )
        return {
            f"{self.watched.name}-{name}": alarm
            for name, alarm in self.alarms.items()
            if not (told and name in _SAID_BY_EVENTS)
        }
