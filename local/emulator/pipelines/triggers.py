"""Which pipelines a push or a pull request starts.

https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-triggers.html: of several
filters one must be passed, of one filter each criterion; what is excluded is excluded even if it
is included too. An execution takes the commit that was pushed, or the newest of the branch that a
pull request comes from. A trigger without filters waits for the source action's own branch.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.emulator.connections import unusable
from local.emulator.pipelines.action import Revision
from local.emulator.pipelines.catalogue import pipelines
from local.emulator.pipelines.declared_triggers import EVENTS
from local.emulator.pipelines.globs import matches
from local.emulator.pipelines.providers.source import date
from local.emulator.pipelines.service import CodePipeline
from local.emulator.repositories import Commit
from local.emulator.scope import arn
from local.emulator.service import ServiceError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class GitEvent:
    """What happened in a repository.

    Attributes
    ----------
    kind
        ``push`` or ``pullRequest``, as filters have it.
    commit
        What was pushed, or the newest commit of the branch that the pull request comes from.
    changed
        Paths that differ from what was there, or from the branch that the pull request goes to.
    branch
        That was pushed to, or that the pull request goes to; None where a tag was pushed.
    tag
        That was pushed.
    event
        Of a pull request: ``OPEN``, ``UPDATED`` or ``CLOSED``.
    """

    kind: str
    commit: Commit
    changed: Sequence[str] = ()
    branch: str | None = None
    tag: str | None = None
    event: str = ""


def happened(codepipeline: CodePipeline, event: GitEvent) -> list[str]:
    """Start the pipelines that wait for an event.

    Returns
    -------
    list of str
        The ids of the executions.
    """
    started = []
    for name, record in list(pipelines.items()):
        for action in record["declaration"]["stages"][0]["actions"]:
            start = _start(record["declaration"], action, event)
            if start is None:
                continue
            try:
                started.append(codepipeline.start(name, **start))
            except ServiceError as error:
                # Whoever pushes gets no error; the provider has only delivered its event.
                _log.warning("A push did not start %s: %s", name, error)
            break
    return started


def _start(
    pipeline: Mapping[str, Any], action: Mapping[str, Any], event: GitEvent
) -> dict[str, Any] | None:
    configuration = action["configuration"]
    revision = Revision(event.commit.commit_id, event.commit.branch, event.tag)
    match action["actionTypeId"]["provider"]:
        case "CodeStarSourceConnection":
            connection = configuration["ConnectionArn"]
            # A provider reports its events through the connection, so without one nothing comes.
            if (
                configuration["FullRepositoryId"] == event.commit.repository
                and not unusable(connection)
                and _waits_for(pipeline, action, event)
            ):
                return {
                    "trigger": {"triggerType": "WebhookV2", "triggerDetail": connection},
                    "revisions": {action["name"]: revision},
                    "git": _told(event, connection),
                }
        case "CodeCommit":
            # Without polling a rule of EventBridge starts the pipeline.
            if (
                event.kind == "push"
                and configuration["RepositoryName"] == event.commit.repository
                and configuration["BranchName"] == event.branch
                and configuration.get("PollForSourceChanges", "true") != "false"
            ):
                detail = arn("codecommit", event.commit.repository)
                return {
                    "trigger": {"triggerType": "PollForSourceChanges", "triggerDetail": detail},
                    "revisions": {action["name"]: revision},
                }
    return None


def _told(event: GitEvent, connection: str) -> dict[str, str]:
    """Return what events of the execution tell: the tag that was pushed, or else the branch."""
    commit = event.commit
    return {
        "author-display-name": commit.author,
        "author-id": commit.author,
        "author-date": date(commit),
        "full-repository-name": commit.repository,
        "provider-type": "GitHub",
        "commit-id": commit.commit_id,
        "commit-message": commit.message,
        "connection-arn": connection,
        **({"tag-name": event.tag} if event.tag else {"branch-name": commit.branch}),
    }


def _waits_for(pipeline: Mapping[str, Any], action: Mapping[str, Any], event: GitEvent) -> bool:
    configuration = action["configuration"]
    is_own_branch = event.kind == "push" and event.branch == configuration["BranchName"]
    declared = [
        trigger["gitConfiguration"]
        for trigger in pipeline.get("triggers", ())
        if trigger["gitConfiguration"]["sourceActionName"] == action["name"]
    ]
    if not declared:
        return is_own_branch and configuration.get("DetectChanges", "true") != "false"
    return any(
        any(_passes(one, event) for one in git.get(event.kind, ()))
        or (is_own_branch and not list(_filters(git)))
        for git in declared
    )


def _filters(git: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from git.get("push", ())
    yield from git.get("pullRequest", ())


def _passes(criteria: Mapping[str, Any], event: GitEvent) -> bool:
    if event.kind == "pullRequest" and event.event not in criteria.get("events", EVENTS):
        return False
    if event.tag is not None:
        return "tags" in criteria and _selects(criteria["tags"], [event.tag])
    return (
        "tags" not in criteria
        and event.branch is not None
        and _selects(criteria.get("branches", {}), [event.branch])
        and ("filePaths" not in criteria or _selects(criteria["filePaths"], event.changed))
    )


def _selects(criterion: Mapping[str, Sequence[str]], names: Sequence[str]) -> bool:
    """Return whether any name is included and not excluded."""
    includes, excludes = criterion.get("includes"), criterion.get("excludes", ())
    return any(
        (includes is None or any(matches(pattern, name) for pattern in includes))
        and not any(matches(pattern, name) for pattern in excludes)
        for name in names
    )
