"""Source actions: the commit that was pushed, as an artifact."""

import datetime as dt
import json

from local.emulator.connections import unusable
from local.emulator.pipelines.action import ActionError, Invocation, Outcome, Provider
from local.emulator.repositories import Commit, Repositories


def connection_provider(repositories: Repositories) -> Provider:
    """Return the provider of GitHub and its like, through a connection."""

    def run(invocation: Invocation) -> Outcome:
        configuration = invocation.configuration
        connection = configuration["ConnectionArn"]
        if why := unusable(connection):
            raise ActionError(f"[Connection] {why}", "ConfigurationError")
        repository = configuration["FullRepositoryId"]
        commit = _take(repositories, invocation, repository, configuration["BranchName"])
        invocation.report(
            externalExecutionId=commit.commit_id,
            externalExecutionSummary=json.dumps(
                {"ProviderType": "GitHub", "CommitMessage": commit.message}
            ),
            externalExecutionUrl=f"https://github.com/{repository}/commit/{commit.commit_id}",
        )
        return Outcome(
            revision=commit.commit_id,
            revision_summary=commit.message,
            variables={
                "AuthorDate": _date(commit),
                "AuthorDisplayName": commit.author,
                "BranchName": commit.branch,
                "CommitId": commit.commit_id,
                "CommitMessage": commit.message,
                "ConnectionArn": connection,
                "FullRepositoryName": repository,
                "ProviderType": "GitHub",
            },
        )

    return Provider(
        run=run,
        required=("ConnectionArn", "FullRepositoryId", "BranchName"),
        inputs=(0, 0),
        outputs=(1, 1),
    )


def codecommit_provider(repositories: Repositories) -> Provider:
    """Return the provider of CodeCommit."""

    def run(invocation: Invocation) -> Outcome:
        repository = invocation.configuration["RepositoryName"]
        branch = invocation.configuration["BranchName"]
        commit = _take(repositories, invocation, repository, branch)
        invocation.report(
            externalExecutionId=commit.commit_id, externalExecutionSummary=commit.message
        )
        return Outcome(
            revision=commit.commit_id,
            revision_summary=commit.message,
            variables={
                "AuthorDate": _date(commit),
                "BranchName": commit.branch,
                "CommitId": commit.commit_id,
                "CommitMessage": commit.message,
                "CommitterDate": _date(commit),
                "RepositoryName": repository,
            },
        )

    return Provider(
        run=run, required=("RepositoryName", "BranchName"), inputs=(0, 0), outputs=(1, 1)
    )


def _take(
    repositories: Repositories, invocation: Invocation, repository: str, branch: str
) -> Commit:
    if invocation.revision is None:
        commit = repositories.newest(repository, branch)
        missing = (
            f"Nothing was pushed to branch '{branch}' of {repository} yet. Push a commit: "
            f"POST /_local/push?repository={repository}&branch={branch}&commit=ID"
        )
    else:
        commit = repositories.find(repository, invocation.revision)
        missing = f"{repository} has no commit {invocation.revision}"
    if commit is None:
        raise ActionError(missing, "ConfigurationError")
    (place,) = invocation.outputs.values()
    invocation.artifacts.put(place, repositories.archive(commit))
    return commit


def _date(commit: Commit) -> str:
    moment = dt.datetime.fromtimestamp(commit.authored, dt.UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
