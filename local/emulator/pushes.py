"""What a push to a branch brings about: pipelines that start, and CodeCommit's event."""

from local.emulator.events import emit
from local.emulator.pipelines import triggers
from local.emulator.pipelines.service import CodePipeline
from local.emulator.pipelines.triggers import GitEvent
from local.emulator.repositories import Commit, Repositories
from local.emulator.scope import arn


def pushed(codepipeline: CodePipeline, repositories: Repositories, commit: Commit) -> list[str]:
    """Start what waits for a commit that has been pushed to a branch.

    Parameters
    ----------
    codepipeline
        Whose pipelines may wait for it.
    repositories
        Where it has been pushed to.
    commit
        The commit.

    Returns
    -------
    list of str
        The ids of the executions that a connection or polling started; those that a rule of
        EventBridge starts are not known here.
    """
    event = GitEvent(kind="push", commit=commit, branch=commit.branch, changed=commit.changed)
    started = triggers.happened(codepipeline, event)
    # Others than CodeCommit tell only through a connection.
    if "/" not in commit.repository:
        _emit(commit, repositories.before(commit))
    return started


def _emit(commit: Commit, before: Commit | None) -> None:
    """Send the event of a branch that has come or moved.

    https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html
    """
    emit(
        "aws.codecommit",
        "CodeCommit Repository State Change",
        {
            "event": "referenceUpdated" if before else "referenceCreated",
            "repositoryName": commit.repository,
            "referenceType": "branch",
            "referenceName": commit.branch,
            "referenceFullName": f"refs/heads/{commit.branch}",
            "commitId": commit.commit_id,
            **({"oldCommitId": before.commit_id} if before else {}),
        },
        [arn("codecommit", commit.repository)],
    )
