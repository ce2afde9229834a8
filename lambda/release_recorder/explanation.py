"""The sentences that the pipeline shows to people."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from release_recorder import tasks
from release_recorder.deployment import Failed

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.type_defs import TaskTypeDef

    from release_recorder.deployment import Replaced, Underway
    from release_recorder.release import Release

LONGEST_MESSAGE: Final = 5000
"""What CodePipeline takes as the message of a failure.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_FailureDetails.html
"""

LONGEST_SUMMARY: Final = 2048
"""What CodePipeline takes as the summary of an execution."""

_LONGEST_REASON: Final = 300
_MOST_REASONS: Final = 6
_NO_TEXT: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069]+")


def shorten(text: str, longest: int) -> str:
    """Put a text on one line, without anything invisible, and cut it.

    Parameters
    ----------
    text
        A text that somebody else wrote.
    longest
        How many characters it may have.

    Returns
    -------
    str
        The text; where it was cut it ends with three dots.
    """
    line = _NO_TEXT.sub(" ", text).strip()
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def failure(ecs: ECSClient, release: Release, found: Failed | Replaced) -> str:
    """Explain why a release is not live, what is, and where to look.

    Parameters
    ----------
    ecs
        A client that may look at the service.
    release
        The release.
    found
        What ECS said of it.

    Returns
    -------
    str
        The message. It has reasons, exit codes and names; never what a container's environment
        holds.
    """
    reason = shorten(found.reason.rstrip("."), 3 * _LONGEST_REASON)
    if isinstance(found, Failed):
        state, definition, runs = "not live", found.task_definition, found.running
    else:
        state = "superseded" if found.was_live else "not live"
        definition = found.live.task_definition if found.live else None
        runs = found.live.image if found.live else None
    sentences = [f"{release.image} is {state}: {reason}."]
    if reasons := _reasons(tasks.stopped(ecs, release)):
        sentences.append(f"Stopped tasks: {reasons}.")
    if runs is not None:
        sentences.append(f"The service runs {shorten(runs, _LONGEST_REASON)}.")
    log_group = _log_group(ecs, release, definition) if definition else None
    log = f"the log group {log_group}" if log_group else f"the log of {release.container}"
    sentences.append(
        f"Next: look at {log} and the events of the service {release.service} in the cluster "
        f"{release.cluster}, fix the cause, and release again."
    )
    if state == "superseded":
        sentences[-1] = "Next: release it again if it should be live."
    return shorten(" ".join(sentences), LONGEST_MESSAGE)


def too_late(release: Release, found: Underway) -> str:
    """Explain what did not happen in time."""
    return shorten(
        f"{release.image} is not recorded as live: {release.timeout} seconds were not enough for "
        f"{shorten(found.waiting_for, _LONGEST_REASON)}. {release.pointer} is unchanged. Next: "
        f"look at the events of the service {release.service} in the cluster {release.cluster}; "
        f"when the deployment has completed, retry this stage.",
        LONGEST_MESSAGE,
    )


def _reasons(stopped: list[TaskTypeDef]) -> str:
    """Count distinct reasons, the commonest first."""
    counted = Counter(filter(None, map(_reason, stopped)))
    texts = [f"{count} x {reason}" for reason, count in counted.most_common(_MOST_REASONS)]
    if more := len(counted) - len(texts):
        texts.append(f"{more} further reasons")
    return "; ".join(texts)


def _reason(task: TaskTypeDef) -> str:
    reason = task.get("stoppedReason", "")
    # What the roll-back itself stops says nothing of its cause.
    if reason.startswith("Scaling activity initiated by"):
        return ""
    containers = [
        ", ".join(
            [
                f"container {container.get('name', '')}",
                *([f"exit code {container['exitCode']}"] if "exitCode" in container else []),
                *([container["reason"]] if container.get("reason") else []),
            ]
        )
        for container in task.get("containers", [])
        if container.get("exitCode") or container.get("reason")
    ]
    text = f"{reason} ({'; '.join(containers)})" if containers else reason
    return shorten(text, _LONGEST_REASON)


def _log_group(ecs: ECSClient, release: Release, task_definition: str) -> str | None:
    definition = tasks.container_definition(ecs, task_definition, release.container)
    return definition.get("logConfiguration", {}).get("options", {}).get("awslogs-group")
