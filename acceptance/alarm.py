"""The alarm of the blue/green service: it is on when the run says so, and otherwise off."""

from acceptance.aws import Aws
from acceptance.names import Names


def create(aws: Aws, names: Names) -> None:
    """Make the alarm, on a metric that nobody writes; it is off."""
    aws("cloudwatch").put_metric_alarm(
        AlarmName=names.alarm,
        AlarmDescription="Made by an acceptance run; deleted at its end",
        Namespace=names.prefix,
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        # Without data the state stays as it is set.
        TreatMissingData="ignore",
        Tags=[{"Key": key, "Value": value} for key, value in names.tags.items()],
    )
    calm(aws, names)


def go_off(aws: Aws, names: Names) -> None:
    """Put the alarm into ``ALARM``."""
    _set(aws, names, "ALARM")


def calm(aws: Aws, names: Names) -> None:
    """Put the alarm back to ``OK``."""
    _set(aws, names, "OK")


def _set(aws: Aws, names: Names, state: str) -> None:
    aws("cloudwatch").set_alarm_state(
        AlarmName=names.alarm, StateValue=state, StateReason="Set by an acceptance run"
    )
