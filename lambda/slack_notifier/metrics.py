"""Metrics of releases after DORA, in CloudWatch's embedded metric format.

A line on standard output is enough: CloudWatch Logs makes metrics of it, without an API call and
without a permission. Failure rate is ``ReleasesFailed / Releases``, release frequency the sum of
``Releases``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from datetime import datetime
from typing import Final

from slack_notifier.notice import Notice, Outcome

NAMESPACE: Final = "ContainerPipelines"
_UNITS: Final = {
    "Releases": "Count",
    "ReleasesFailed": "Count",
    "ReleaseDuration": "Seconds",
    "LeadTime": "Seconds",
    "TimeToRestore": "Seconds",
}


def release_metrics(notice: Notice, service: str) -> dict[str, object] | None:
    """Measure a release that has ended.

    ``LeadTime`` (from the commit's author date) and ``TimeToRestore`` (from the end of the first
    failure) belong to successes alone; a failed release delivers nothing. An attempt that failed
    and was retried counts as a release of its own: it has failed. Executions that were superseded
    or stopped are no releases.

    Parameters
    ----------
    notice
        The completed notice.
    service
        The service's name; the pipeline's if empty.

    Returns
    -------
    dict or None
        The line's content; ``None`` for anything but the end of a pipeline's execution.
    """
    succeeded = notice.outcome in (Outcome.SUCCEEDED, Outcome.RECOVERED)
    if notice.origin.level != "pipeline" or notice.time is None:
        return None
    if not (succeeded or notice.outcome is Outcome.FAILED):
        return None
    values: dict[str, float] = {"Releases": 1, "ReleasesFailed": 0 if succeeded else 1}
    spans = {"ReleaseDuration": notice.origin.started}
    if succeeded:
        spans["LeadTime"] = notice.commit.date if notice.commit else None
        spans["TimeToRestore"] = notice.broken_since
    for name, since in spans.items():
        if since is not None and (seconds := _seconds(since, notice.time)) >= 0:
            values[name] = seconds
    return {
        "_aws": {
            "Timestamp": int(notice.time.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Service", "Pipeline"]],
                    "Metrics": [{"Name": name, "Unit": _UNITS[name]} for name in values],
                }
            ],
        },
        "Service": service or notice.origin.pipeline,
        "Pipeline": notice.origin.pipeline,
        "Execution": notice.origin.execution,
        **values,
    }


def _seconds(since: datetime, until: datetime) -> float:
    return round((until - since).total_seconds(), 3)
