"""An alarm on a function that nobody waits for, and that is therefore missed by nobody."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._checks import check_duration
from container_pipelines._types import checked
from container_pipelines.monitoring.channels import Channel, channels_of
from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.notifications import NotifyOn

# One failure, such as of a throttled call, is made good by the next run.
_PERIODS: Final = 2
_FINDINGS: Final = {
    "CloudWatchAlarmAction": "A rule for its changes of state notifies Slack, so that the alarm "
    "needs no action for it.",
}


@checked()
class FunctionAlarm(Construct):
    """An alarm that goes into ``ALARM`` when a function that runs at an interval keeps failing.

    It has failed in each of two periods of two intervals, so that there is a run in each. Where the
    function works for several services, as that of :class:`DriftDetector`, those may be runs for
    one of them.

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
        The channel that notifications are sent by, or several; or :func:`no_notifications`.
    interval
        How often the function runs at least, in whole minutes up to 12 hours, such as
        :attr:`DriftDetector.interval`; 5 minutes by default.

    Attributes
    ----------
    alarm
        The alarm.

    Raises
    ------
    ValueError
        If there is no channel, or the interval is out of range: CloudWatch's periods are of whole
        minutes up to a day.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        function: lambda_.IFunction,
        notifications: Channel | Sequence[Channel],
        interval: Duration | None = None,
    ) -> None:
        channels = channels_of(notifications)
        interval = interval or Duration.minutes(5)
        check_duration(
            "interval",
            interval,
            minimum=1,
            maximum=12 * 60,
            unit="minutes",
            default="expect a run each 5 minutes",
            known=True,
        )
        super().__init__(scope, construct_id)
        self.alarm = cloudwatch.Alarm(
            self,
            "Errors",
            alarm_name=name,
            alarm_description=(
                f"{name}: the function fails for at least one service; see its log for the reason"
            ),
            metric=function.metric_errors(
                period=Duration.minutes(2 * interval.to_minutes()), statistic="Sum"
            ),
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
        for channel in channels:
            channel.connect(self, monitored, kinds=frozenset(), alarms={name: self.alarm})
        if any(NotifyOn.FAILED in channel.notify_on for channel in channels):
            acknowledge(self, _FINDINGS)
