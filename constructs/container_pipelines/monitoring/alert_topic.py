"""An SNS topic that sends notifications by e-mail, and to whatever else subscribes to it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._checks import check_name
from container_pipelines._types import checked
from container_pipelines.monitoring._event_rules import RuleTarget, add_rule
from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.notifications import (
    DEFAULT_NOTIFY_ON,
    EventKind,
    NotifyOn,
    check_notify_on,
)

_MAIL_FINDINGS: Final = {
    "Serverless-SNSRedrivePolicy": "SNS tries for hours to deliver a mail. Later it helps nobody, "
    "and no program could do anything with it: the alarm keeps its state, the pipeline its history."
}


@checked()
class AlertTopic(Construct):
    """An SNS topic for alarms and events of any number of pipelines.

    It is encrypted with a key that CloudWatch and EventBridge may use, which the key that AWS
    manages for SNS does not allow, and reached over TLS only. Alarms arrive in CloudWatch's words,
    events as a few lines of text. Each address gets a mail in which to confirm its subscription.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    emails
        Addresses to subscribe; none by default.
    notify_on
        What notifications are sent on; failures, recoveries and approvals by default. A recovered
        release cannot be recognised by its event alone, so a topic gets alarms that go back to
        ``OK``, and with ``SUCCEEDED`` every release that succeeds.
    encryption_key
        A KMS key; one is made by default. The policy of an imported key must let
        ``cloudwatch.amazonaws.com`` and ``events.amazonaws.com`` do ``kms:Decrypt`` and
        ``kms:GenerateDataKey*``.

    Attributes
    ----------
    topic
        The topic.
    encryption_key
        Its key.
    notify_on
        What notifications are sent on.

    Raises
    ------
    ValueError
        If an address is invalid or given twice, or ``notify_on`` is empty.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        emails: Sequence[str] = (),
        notify_on: Collection[NotifyOn] = DEFAULT_NOTIFY_ON,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        self.notify_on = check_notify_on(notify_on)
        _check_emails(emails)
        super().__init__(scope, construct_id)
        self.encryption_key = encryption_key or topic_key(self)
        self.topic = encrypted_topic(self, self.encryption_key)
        self._target = RuleTarget(arn=self.topic.topic_arn, as_text=True)
        for email in emails:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
        if emails:
            acknowledge(self, _MAIL_FINDINGS)

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
                "Mail",
                kind=kind,
                monitored=monitored,
                notify_on=self.notify_on,
                target=self._target,
            )
        notify_of_alarms(self.topic, self.notify_on, alarms)


def topic_key(scope: Construct) -> kms.Key:
    """Make a key for topics that AWS services publish to.

    Parameters
    ----------
    scope
        The parent construct.

    Returns
    -------
    kms.Key
        The key. It is deleted with its stack: a topic keeps nothing that it would decrypt.
    """
    return kms.Key(
        scope,
        "Key",
        description="Encrypts alarms and events on their way",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.DESTROY,
    )


def encrypted_topic(scope: Construct, key: kms.IKey) -> sns.Topic:
    """Make a topic that the account's alarms and rules may publish to.

    Parameters
    ----------
    scope
        The parent construct.
    key
        The key.

    Returns
    -------
    sns.Topic
        The topic.

    Notes
    -----
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    """
    topic = sns.Topic(scope, "Topic", master_key=key, enforce_ssl=True)
    account = {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
    # EventBridge sends neither topic nor key a source account: with such a condition both would
    # refuse it, and every event would be lost silently.
    for service, conditions in (("cloudwatch", account), ("events", {})):
        principal = iam.ServicePrincipal(f"{service}.amazonaws.com")
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[principal],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions=conditions,
            )
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[principal],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions=conditions,
            )
        )
    return topic


def notify_of_alarms(
    topic: sns.ITopic, notify_on: frozenset[NotifyOn], alarms: Mapping[str, cloudwatch.AlarmBase]
) -> None:
    """Let alarms publish to a topic when they go into ``ALARM`` or back to ``OK``.

    Parameters
    ----------
    topic
        The topic.
    notify_on
        What notifications are sent on: ``FAILED`` is for ``ALARM``, ``RECOVERED`` for ``OK``.
    alarms
        The alarms.
    """
    action = cloudwatch_actions.SnsAction(topic)
    for alarm in alarms.values():
        if NotifyOn.FAILED in notify_on:
            alarm.add_alarm_action(action)
        if NotifyOn.RECOVERED in notify_on:
            alarm.add_ok_action(action)


def _check_emails(emails: Sequence[str]) -> None:
    for email in emails:
        check_name(
            "emails",
            email,
            pattern=r"[^@\s]+@[^@\s]+\.[^@\s]+",
            maximum=320,
            allowed="an address such as 'team@example.com'",
        )
        if emails.count(email) > 1:
            raise ValueError(
                f"'emails' must name each address once, got '{email}' more than once; drop the "
                f"repetition"
            )
