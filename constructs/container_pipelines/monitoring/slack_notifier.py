"""The function that sends notifications to Slack."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._assets import function_code
from container_pipelines._checks import check_name
from container_pipelines._findings import LOGS, ROLES, of_function
from container_pipelines._once import arn
from container_pipelines._types import checked
from container_pipelines.monitoring._event_rules import RuleTarget, add_rule
from container_pipelines.monitoring._lookup_permissions import grant_lookups
from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.notifications import (
    DEFAULT_NOTIFY_ON,
    EventKind,
    NotifyOn,
    check_notify_on,
)
from container_pipelines.monitoring.slack_credential import SlackBot, SlackWebhook
from container_pipelines.monitoring.thresholds import Threshold

_TIMEOUT: Final = Duration.minutes(1)

_QUEUE: Final = "This is the dead-letter queue of a function and of the rules that call it."
_FINDINGS: Final = {
    **ROLES,
    **LOGS,
    **of_function(
        "Its destination on failure is a queue, which gets the event together with the error; a "
        "dead-letter queue of the function would get the same event once more."
    ),
    "AwsSolutions-SQS3": _QUEUE,
    "Serverless-SQSRedrivePolicy": _QUEUE,
    "Serverless-LambdaEventSourceMappingDestination": "Lambda knows a destination for streams, not "
    "for a queue: what fails stays in it. The queue is read only when somebody replays it.",
}
_WITHOUT_TOPIC: Final = {
    "CloudWatchAlarmAction": "The dashboard has the alarms on the notifier itself, its log each "
    "failure; 'alarm_topic' has somebody told, by another way than Slack.",
}
_TABLE_FINDINGS: Final = dict.fromkeys(
    ("AwsSolutions-DDB3", "DynamoDBInBackupPlan", "DynamoDBPITREnabled"),
    "It remembers for 14 days what has been sent; without it a release gets a new thread.",
)


class NotifierAlarm(StrEnum):
    """The alarms of the notifier itself; they go to a topic, for Slack may be what is broken."""

    ERRORS = "errors"
    """Failed attempts to send, a period; each event has three."""
    DEAD_LETTERS = "dead-letters"
    """Events in the dead-letter queue: they could not be sent, and wait for a replay."""


DEFAULT_NOTIFIER_THRESHOLDS: Final[Mapping[NotifierAlarm, Threshold]] = {
    NotifierAlarm.ERRORS: Threshold(value=3, period=Duration.minutes(15)),
    NotifierAlarm.DEAD_LETTERS: Threshold(value=1),
}


@checked()
class SlackNotifier(Construct):
    """A function that sends notifications of any number of pipelines to Slack; an app needs one.

    Its role may log, read the one secret, and look up what events leave out, about the pipelines
    that :class:`PipelineAlarms` connects and nothing else. An event that cannot be sent in three
    attempts waits 14 days in a dead-letter queue, from which ``replay`` sends it again. The
    function also publishes metrics of releases, in the namespace ``ContainerPipelines``.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    slack
        The webhook, or the bot. A bot gets a table in which it remembers the threads of releases.
    notify_on
        What notifications are sent on; failures, recoveries and approvals by default.
    docs_url
        A page with advice on errors, which messages link to; none by default.
    alarm_topic
        The topic for alarms of the notifier itself, such as ``AlertTopic.topic``; none by default.
    alarms
        Changes to the notifier's alarms; None leaves one out.
    log_retention
        How long logs are kept; one month by default.

    Attributes
    ----------
    function
        The function.
    role
        The role that it runs with.
    log_group
        Where it logs.
    dead_letter_queue
        Events that could not be sent.
    replay
        The event source mapping that reads that queue; disabled until somebody enables it.
    table
        The table in which a bot remembers threads; None for a webhook.
    alarms
        The alarms by their :class:`NotifierAlarm`.
    notify_on
        What notifications are sent on.

    Raises
    ------
    ValueError
        If ``docs_url`` is invalid, ``notify_on`` is empty, or there is no such alarm.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        slack: SlackWebhook | SlackBot,
        notify_on: Collection[NotifyOn] = DEFAULT_NOTIFY_ON,
        docs_url: str | None = None,
        alarm_topic: sns.ITopic | None = None,
        alarms: Mapping[NotifierAlarm, Threshold | None] | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
    ) -> None:
        self.notify_on = check_notify_on(notify_on)
        if docs_url is not None:
            check_name(
                "docs_url",
                docs_url,
                pattern=r"https?://[^\s<>|]+",
                maximum=1000,
                allowed="an address that starts with 'https://'",
            )
        thresholds = _thresholds(alarms or {})
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(self, "Logs", retention=log_retention)
        self.dead_letter_queue = self._queue()
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Sends Slack notifications, and looks up what events leave out",
        )
        self.log_group.grant_write(self.role)
        slack.secret.grant_read(self.role)
        iam.Grant.add_to_principal(
            grantee=self.role,
            actions=[
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
            ],
            resource_arns=[self.dead_letter_queue.queue_arn],
        )
        self.table = self._remember() if isinstance(slack, SlackBot) else None
        self.function = lambda_.Function(
            self,
            "Function",
            description="Sends Slack notifications of releases, builds, deployments and alarms",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler="slack_notifier.handler.handle",
            code=function_code("slack_notifier"),
            memory_size=256,
            timeout=_TIMEOUT,
            environment={
                "SLACK_SECRET": slack.secret.location,
                "NOTIFY_ON": ",".join(sorted(self.notify_on)),
                **({"SLACK_CHANNEL": slack.channel} if isinstance(slack, SlackBot) else {}),
                **({"STATE_TABLE": self.table.table_name} if self.table is not None else {}),
                **({"DOCS_URL": docs_url} if docs_url else {}),
            },
            on_failure=destinations.SqsDestination(self.dead_letter_queue),
            retry_attempts=2,
            max_event_age=Duration.hours(1),
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            # The L2's own grants would be wider.
            role=self.role.without_policy_updates(),
        )
        self.function.node.add_dependency(self.role)
        self._target = RuleTarget(
            arn=self.function.function_arn, dead_letter_arn=self.dead_letter_queue.queue_arn
        )
        # One permission for all rules of the account: one for each would soon fill the policy.
        self.function.add_permission(
            "Rules",
            principal=iam.ServicePrincipal("events.amazonaws.com"),
            source_arn=arn(self, "events", "rule/*"),
        )
        self.replay = sources.SqsEventSource(
            self.dead_letter_queue,
            enabled=False,
            batch_size=5,
            max_concurrency=2,
            report_batch_item_failures=True,
        )
        self.function.add_event_source(self.replay)
        self.alarms = self._alarms(thresholds)
        acknowledge(self, _FINDINGS | ({} if alarm_topic else _WITHOUT_TOPIC))
        if alarm_topic is not None:
            for alarm in self.alarms.values():
                alarm.add_alarm_action(cloudwatch_actions.SnsAction(alarm_topic))
                alarm.add_ok_action(cloudwatch_actions.SnsAction(alarm_topic))

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
        # Recoveries and the metrics of releases arise from successes and failures, sent or not.
        ends = {NotifyOn.FAILED, NotifyOn.SUCCEEDED}
        for kind in sorted(kinds):
            notify_on = self.notify_on | ends if kind is EventKind.RELEASES else self.notify_on
            add_rule(
                scope,
                "Slack",
                kind=kind,
                monitored=monitored,
                notify_on=notify_on,
                target=self._target,
            )
        states = [
            state
            for state, notify_on in (("ALARM", NotifyOn.FAILED), ("OK", NotifyOn.RECOVERED))
            if notify_on in self.notify_on
        ]
        if alarms and states:
            events.CfnRule(
                scope,
                "SlackAlarms",
                description=f"Notifications of {monitored.name}: alarms",
                event_pattern={
                    "source": ["aws.cloudwatch"],
                    "detail-type": ["CloudWatch Alarm State Change"],
                    "detail": {"alarmName": list(alarms), "state": {"value": states}},
                },
                state="ENABLED",
                targets=self._target.of_rule(),
            )
        grant_lookups(scope, self.role, monitored)

    def _queue(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            # What Lambda asks of a queue that it reads: six times the function's time-out.
            visibility_timeout=Duration.seconds(6 * _TIMEOUT.to_seconds()),
        )
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={"ArnLike": {"aws:SourceArn": arn(self, "events", "rule/*")}},
            )
        )
        return queue

    def _remember(self) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            "Told",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expires",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=RemovalPolicy.DESTROY,
        )
        iam.Grant.add_to_principal(
            grantee=self.role,
            actions=["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"],
            resource_arns=[table.table_arn],
        )
        acknowledge(table, _TABLE_FINDINGS)
        return table

    def _alarms(
        self, thresholds: Mapping[NotifierAlarm, Threshold]
    ) -> dict[NotifierAlarm, cloudwatch.Alarm]:
        queue = self.dead_letter_queue
        metrics = {
            NotifierAlarm.ERRORS: (
                self.function.metric_errors,
                "The Slack notifier fails; see its log for the reason",
            ),
            NotifierAlarm.DEAD_LETTERS: (
                queue.metric_approximate_number_of_messages_visible,
                "A notification has not reached Slack; see the log, then replay the queue",
            ),
        }
        made = {}
        for name, threshold in thresholds.items():
            metric, description = metrics[name]
            statistic = "Sum" if name is NotifierAlarm.ERRORS else "Maximum"
            made[name] = cloudwatch.Alarm(
                self,
                name.title().replace("-", "") + "Alarm",
                alarm_description=description,
                metric=metric(period=threshold.period, statistic=statistic),
                threshold=threshold.value,
                evaluation_periods=threshold.periods,
                datapoints_to_alarm=threshold.datapoints,
                comparison_operator=(
                    cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
                ),
                # No data is no call, or a queue that has been empty for hours: nothing is wrong.
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
        return made


def _thresholds(
    changes: Mapping[NotifierAlarm, Threshold | None],
) -> dict[NotifierAlarm, Threshold]:
    every = {**DEFAULT_NOTIFIER_THRESHOLDS, **changes}
    return {name: threshold for name, threshold in every.items() if threshold is not None}
