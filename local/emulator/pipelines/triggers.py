"""Which pipelines a push starts."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from local.emulator.connections import unusable
from local.emulator.pipelines.service import CodePipeline, pipelines
from local.emulator.repositories import Commit
from local.emulator.scope import arn


def push(codepipeline: CodePipeline, commit: Commit) -> list[str]:
    """Start the pipelines that wait for this push.

    Returns
    -------
    list of str
        The ids of the executions.
    """
    started = []
    for name, record in list(pipelines.items()):
        for action in record["declaration"]["stages"][0]["actions"]:
            if trigger := _trigger(record["declaration"], action, commit):
                started.append(
                    codepipeline.start(
                        name, trigger=trigger, revisions={action["name"]: commit.commit_id}
                    )
                )
                break
    return started


def _trigger(
    pipeline: Mapping[str, Any], action: Mapping[str, Any], commit: Commit
) -> dict[str, str] | None:
    configuration = action["configuration"]
    match action["actionTypeId"]["provider"]:
        case "CodeStarSourceConnection":
            # A provider reports its pushes through the connection, so without one nothing comes.
            if configuration["FullRepositoryId"] == commit.repository and not unusable(
                configuration["ConnectionArn"]
            ):
                detail = configuration["ConnectionArn"]
                if _waits_for(pipeline, action, commit):
                    return {"triggerType": "WebhookV2", "triggerDetail": detail}
        case "CodeCommit":
            # Without polling a rule of EventBridge starts the pipeline.
            if (
                configuration["RepositoryName"] == commit.repository
                and configuration["BranchName"] == commit.branch
                and configuration.get("PollForSourceChanges", "true") != "false"
            ):
                detail = arn("codecommit", commit.repository)
                return {"triggerType": "PollForSourceChanges", "triggerDetail": detail}
    return None


def _waits_for(pipeline: Mapping[str, Any], action: Mapping[str, Any], commit: Commit) -> bool:
    filters = [
        trigger["gitConfiguration"]
        for trigger in pipeline.get("triggers", ())
        if trigger["gitConfiguration"]["sourceActionName"] == action["name"]
    ]
    if not filters:
        configuration: Mapping[str, str] = action["configuration"]
        return (
            configuration["BranchName"] == commit.branch
            and configuration.get("DetectChanges", "true") != "false"
        )
    return any(_passes(one, commit) for each in filters for one in each.get("push", ()))


def _passes(push_filter: Mapping[str, Any], commit: Commit) -> bool:
    """Tell whether a push passes a filter: each kind of criterion that it has must be met."""
    if "tags" in push_filter and "branches" not in push_filter:
        return False
    if not _selects(push_filter.get("branches"), [commit.branch]):
        return False
    # The first push to a branch changes every file.
    return commit.changed is None or _selects(push_filter.get("filePaths"), commit.changed)


def _selects(criterion: Mapping[str, Sequence[str]] | None, names: Sequence[str]) -> bool:
    if criterion is None:
        return True
    includes, excludes = criterion.get("includes", ["**"]), criterion.get("excludes", [])
    return any(
        any(_matches(pattern, name) for pattern in includes)
        and not any(_matches(pattern, name) for pattern in excludes)
        for name in names
    )


def _matches(pattern: str, name: str) -> bool:
    """Match a glob pattern in which only ``**`` goes over a slash."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    spelled = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return bool(re.fullmatch("".join(spelled.get(part, re.escape(part)) for part in parts), name))
