"""The commit of a release, from what CodePipeline's source actions leave behind.

https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from slack_notifier.event import moment, text
from slack_notifier.notice import Commit
from slack_notifier.redact import redact


def commit_of_action(action: Mapping[str, Any]) -> Commit | None:
    """Read the commit of a source action.

    Parameters
    ----------
    action
        An entry of ListActionExecutions.

    Returns
    -------
    Commit or None
        ``None`` for an action that is no source, or has found nothing.
    """
    if text(action, "input", "actionTypeId", "category") != "Source":
        return None
    variables = action.get("output", {}).get("outputVariables") or {}
    result = action.get("output", {}).get("executionResult") or {}
    commit_id = text(variables, "CommitId") or text(result, "externalExecutionId")
    if not commit_id:
        return None
    return Commit(
        id=commit_id,
        message=text(variables, "CommitMessage")
        or _summary(text(result, "externalExecutionSummary")),
        author=text(variables, "AuthorDisplayName") or text(variables, "AuthorId"),
        branch=text(variables, "BranchName"),
        url=_https(text(result, "externalExecutionUrl")),
        date=moment(variables.get("AuthorDate")) or moment(variables.get("CommitterDate")),
    )


def commit_of_revision(revision: Mapping[str, Any]) -> Commit | None:
    """Read the commit of an artifact's revision, as GetPipelineExecution gives it."""
    if not text(revision, "revisionId"):
        return None
    return Commit(
        id=text(revision, "revisionId"),
        message=_summary(text(revision, "revisionSummary")),
        url=_https(text(revision, "revisionUrl")),
    )


def _summary(summary: str) -> str:
    """Return the message: a connection writes a JSON object around it, CodeCommit does not."""
    if summary.startswith("{"):
        try:
            return text(json.loads(summary), "CommitMessage") or summary
        except (ValueError, RecursionError, AttributeError):
            return summary
    return summary


def _https(url: str) -> str:
    """Return a URL that is safe inside Slack's ``<url|text>``; nothing for any other."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    safe = url.isascii() and url.isprintable() and not set(url) & set(' <>|"`\\')
    safe = safe and redact(url) == url
    plain = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    return url if safe and plain and len(url) <= 2000 else ""
