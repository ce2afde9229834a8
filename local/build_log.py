"""The end of a failed build's log."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types_boto3_codebuild import CodeBuildClient
    from types_boto3_logs import CloudWatchLogsClient

_LINES: Final = 20
_OF_THE_AGENT: Final = "[Container] "
_FAILURE: Final = "Command did not exit successfully"


def end_of_log(builds: CodeBuildClient, logs: CloudWatchLogsClient, build: str) -> str:
    """Read the last lines that commands of a build have put out, up to the one that failed.

    Parameters
    ----------
    builds, logs
        The clients of CodeBuild and CloudWatch Logs.
    build
        The build's id.

    Returns
    -------
    str
        The lines; empty for a build that has no log.
    """
    place = builds.batch_get_builds(ids=[build])["builds"][0].get("logs", {})
    if "groupName" not in place or "streamName" not in place:
        return ""
    events = logs.get_log_events(
        logGroupName=place["groupName"], logStreamName=place["streamName"], startFromHead=False
    )["events"]
    # The lines after it describe the failure; its cause is in those before.
    said = takewhile(lambda line: _FAILURE not in line, (event["message"] for event in events))
    lines = [line for line in said if line.strip() and not line.startswith(_OF_THE_AGENT)]
    return "\n".join(lines[-_LINES:])
