"""AWS's own chat application, in the place of a webhook or a bot."""

from collections.abc import Collection, Mapping

from aws_cdk import Stack
from aws_cdk import aws_chatbot as chatbot
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from container_pipelines._checks import check_name
from container_pipelines._types import checked
from container_pipelines.monitoring._event_patterns import drift_pattern
from container_pipelines.monitoring._event_rules import RuleTarget, add_rule
from container_pipelines.monitoring.alert_topic import encrypted_topic, notify_of_alarms, topic_key
from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.notifications import (
    DEFAULT_NOTIFY_ON,
    EventKind,
    NotifyOn,
    check_notify_on,
)


@checked()
class ChatApplication(Construct):
    """A Slack channel that Amazon Q Developer in chat applications (AWS Chatbot) posts to.

    No secret is kept and no function runs; messages have AWS's wording, without the commit, the
    failed build's log, threads or metrics of releases, which :class:`SlackNotifier` has. The
    workspace is authorised once by hand, in the console. Its topic is apart from that of people:
    the application reads events as they are and not as text. The channel's role may do nothing, so
    alarms come without a chart, and nobody runs commands from the channel.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    configuration_name
        The configuration's name, unique in the account.
    slack_workspace_id
        The workspace's id, such as ``T0123456789``; the console shows it once it is authorised.
    slack_channel_id
        The channel's id, such as ``C0123456789``.
    notify_on
        What notifications are sent on; as for :class:`AlertTopic`.
    encryption_key
        As for :class:`AlertTopic`.

    Attributes
    ----------
    channel
        The channel's configuration.
    topic
        The topic that it reads.
    encryption_key
        The topic's key.
    role
        The channel's role.
    notify_on
        What notifications are sent on.

    Raises
    ------
    ValueError
        If an id or the name is invalid, or ``notify_on`` is empty.

    Notes
    -----
    https://docs.aws.amazon.com/chatbot/latest/adminguide/slack-setup.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        configuration_name: str,
        slack_workspace_id: str,
        slack_channel_id: str,
        notify_on: Collection[NotifyOn] = DEFAULT_NOTIFY_ON,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        self.notify_on = check_notify_on(notify_on)
        check_name(
            "configuration_name",
            configuration_name,
            pattern=r"[A-Za-z0-9_-]+",
            maximum=128,
            allowed="letters, digits, '-' and '_'",
        )
        check_name(
            "slack_workspace_id",
            slack_workspace_id,
            pattern=r"[0-9A-Z]+",
            maximum=255,
            allowed="the workspace's id such as 'T0123456789'",
        )
        check_name(
            "slack_channel_id",
            slack_channel_id,
            pattern=r"[A-Za-z0-9]+",
            maximum=256,
            allowed="the channel's id such as 'C0123456789'",
        )
        super().__init__(scope, construct_id)
        self.encryption_key = encryption_key or topic_key(self)
        self.topic = encrypted_topic(self, self.encryption_key)
        self._target = RuleTarget(arn=self.topic.topic_arn)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "chatbot.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            ),
            description="What the chat application may do in the account: nothing",
        )
        self.channel = chatbot.SlackChannelConfiguration(
            self,
            "Channel",
            slack_channel_configuration_name=configuration_name,
            slack_workspace_id=slack_workspace_id,
            slack_channel_id=slack_channel_id,
            notification_topics=[self.topic],
            logging_level=chatbot.LoggingLevel.ERROR,
            role=self.role.without_policy_updates(),
            # Without one AWS takes AdministratorAccess as what the channel is bounded by.
            guardrail_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("CloudWatchReadOnlyAccess")
            ],
        )

    def connect(
        self,
        scope: Construct,
        monitored: MonitoredResources,
        *,
        kinds: frozenset[EventKind],
        alarms: Mapping[str, cloudwatch.AlarmBase],
    ) -> None:
        """Hand on the events of what is monitored, and its alarms.

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
        for kind in sorted(kinds):
            add_rule(
                scope,
                "Chat",
                kind=kind,
                monitored=monitored,
                notify_on=self.notify_on,
                target=self._target,
            )
        drift = drift_pattern(scope, monitored, self.notify_on)
        if EventKind.DEPLOYMENTS in kinds and drift is not None:
            # It shows events of AWS's services, and of others what has its form for them.
            # https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
            events.CfnRule(
                scope,
                "ChatDrift",
                description=f"Notifications of {monitored.name}: drifts",
                event_pattern=drift,
                state="ENABLED",
                targets=RuleTarget(arn=self.topic.topic_arn, message=_custom()).of_rule(),
            )
        notify_of_alarms(self.topic, self.notify_on, alarms)


def _custom() -> events.CfnRule.InputTransformerProperty:
    """Render a drift as the application wants what is not of an AWS service."""
    # EventBridge quotes what it fills in.
    content = '{"title":"Image drift","description":<detail-reason>}'
    return events.CfnRule.InputTransformerProperty(
        input_paths_map={"detail-reason": "$.detail.reason"},
        input_template=f'{{"version":"1.0","source":"custom","content":{content}}}',
    )
