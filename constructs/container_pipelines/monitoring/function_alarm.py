"""An alarm on a function that nobody waits for, and that is therefore missed by nobody."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from container_pipelines.monitoring.channels import Channel
from container_pipelines.monitoring.monitored_resources import MonitoredResources

_PERIOD: Final = Duration.minutes(5)
# One failure in a row of successes, such as a throttled call, is made good by the next run.
_PERIODS: Final = 3


class FunctionAlarm(Construct):
    """An alarm that goes into ``ALARM`` when a function has failed for a quarter of an hour.

    For functions that run at an interval, such as that of :class:`DriftDetector`: it has failed in
    each of three periods of 5 minutes.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    name
        The alarm's name, unique in an account and region.
    function
        The function.
    notifications
        The channels that notifications are sent by; or :func:`no_notifications`.

    Attributes
    ----------
    alarm
        The alarm.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        function: lambda_.IFunction,
        notifications: Sequence[Channel],
    ) -> None:
        super().__init__(scope, construct_id)
        self.alarm = cloudwatch.Alarm(
            self,
            "Errors",
            alarm_name=name,
            alarm_description=f"{name}: the function fails each time; see its log for the reason",
            metric=function.metric_errors(period=_PERIOD, statistic="Sum"),
            threshold=1,
            evaluation_periods=_PERIODS,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # It has not run, or there is nothing that it runs for.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        monitored = MonitoredResources(
            name=name,
            pipeline=None,
            project=None,
            build_log_group=None,
            service=None,
            target_groups=(),
            repository=None,
            deployment_group=None,
        )
        for channel in notifications:
            channel.connect(self, monitored, kinds=frozenset(), alarms={name: self.alarm})
