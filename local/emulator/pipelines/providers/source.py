"""Source actions: the commit that was pushed, as an artifact."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Final

from local.emulator.archives import flattened
from local.emulator.connections import unusable
from local.emulator.permissions import permissions
from local.emulator.pipelines.action import ActionError, Invocation, Outcome, Provider
from local.emulator.pipelines.artifacts import Call
from local.emulator.repositories import Commit, Repositories
from local.emulator.scope import arn

# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeCommit.html
_CODECOMMIT: Final = ("GetBranch", "GetCommit", "UploadArchive", "GetUploadArchiveStatus")

_ZIP = "CODE_ZIP"
_CLONE = "CODEBUILD_CLONE_REF"


def connection_provider(repositories: Repositories) -> Provider:
    """Return the provider of GitHub and its like, through a connection."""

    def run(invocation: Invocation) -> Outcome:
        configuration = invocation.configuration
        connection = configuration["ConnectionArn"]
        # Its service has two names, and an ARN of one of them: the action has the same.
        service = connection.split(":")[2]
        permissions.demand(
            invocation.clients.role,
            f"{service}:UseConnection",
            connection,
            {f"{service}:FullRepositoryId": configuration["FullRepositoryId"]},
        )
        if why := unusable(connection):
            raise ActionError(f"[Connection] {why}", "ConfigurationError")
        repository = configuration["FullRepositoryId"]
        pull = {
            f"{service}:FullRepositoryId": repository,
            f"{service}:ProviderAction": "GitPull",
            f"{service}:ProviderPermissionsRequired": "read_only",
        }
        clone: Call = (f"{service}:UseConnection", connection, pull)
        commit = _take(repositories, invocation, repository, configuration["BranchName"], clone)
        invocation.report(
            externalExecutionId=commit.commit_id,
            externalExecutionSummary=json.dumps(
                {"ProviderType": "GitHub", "CommitMessage": commit.message}
            ),
            externalExecutionUrl=f"https://github.com/{repository}/commit/{commit.commit_id}",
        )
        tag = invocation.revision and invocation.revision.tag
        return Outcome(
            revision=commit.commit_id,
            revision_summary=commit.message,
            variables={
                "AuthorDate": date(commit),
                "AuthorDisplayName": commit.author,
                # As in events, it is either.
                **({"TagName": tag} if tag else {"BranchName": commit.branch}),
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
        optional=("DetectChanges", "OutputArtifactFormat"),
        check=_check_format,
        inputs=(0, 0),
        outputs=(1, 1),
    )


def codecommit_provider(repositories: Repositories) -> Provider:
    """Return the provider of CodeCommit."""

    def run(invocation: Invocation) -> Outcome:
        repository = invocation.configuration["RepositoryName"]
        branch = invocation.configuration["BranchName"]
        for action in _CODECOMMIT:
            permissions.demand(
                invocation.clients.role, f"codecommit:{action}", arn("codecommit", repository)
            )
        clone: Call = ("codecommit:GitPull", arn("codecommit", repository), {})
        commit = _take(repositories, invocation, repository, branch, clone)
        invocation.report(
            externalExecutionId=commit.commit_id, externalExecutionSummary=commit.message
        )
        return Outcome(
            revision=commit.commit_id,
            revision_summary=commit.message,
            variables={
                "AuthorDate": date(commit),
                "BranchName": commit.branch,
                "CommitId": commit.commit_id,
                "CommitMessage": commit.message,
                "CommitterDate": date(commit),
                "RepositoryName": repository,
            },
        )

    return Provider(
        run=run,
        required=("RepositoryName", "BranchName"),
        optional=("PollForSourceChanges", "OutputArtifactFormat"),
        check=_check_format,
        inputs=(0, 0),
        outputs=(1, 1),
    )


def _check_format(configuration: Mapping[str, str]) -> None:
    if (chosen := _format(configuration)) not in {_ZIP, _CLONE}:
        raise ValueError(f"OutputArtifactFormat must be {_ZIP} or {_CLONE}, not {chosen!r}")


def _format(configuration: Mapping[str, str]) -> str:
    return configuration.get("OutputArtifactFormat", _ZIP)


def _take(
    repositories: Repositories, invocation: Invocation, repository: str, branch: str, clone: Call
) -> Commit:
    wanted = invocation.revision
    if wanted is None:
        commit = repositories.newest(repository, branch)
        missing = (
            f"Nothing was pushed to branch '{branch}' of {repository} yet. Push a commit: "
            f"POST /_local/push?repository={repository}&branch={branch}&commit=ID"
        )
    else:
        commit = repositories.find(repository, wanted.commit_id, wanted.branch)
        missing = f"{repository} has no commit {wanted.commit_id}"
    if commit is None:
        raise ActionError(missing, "ConfigurationError")
    (place,) = invocation.outputs.values()
    archive = repositories.archive(commit)
    # On AWS the artifact of a clone is a reference that the build clones by. Here it is the files
    # that the clone would have; there is no repository, so no history and no ``.git``.
    if _format(invocation.configuration) == _CLONE:
        invocation.artifacts.put(place, archive, clone=clone)
    else:
        invocation.artifacts.put(place, flattened(archive))
    return commit


def date(commit: Commit) -> str:
    """Return when a commit was made, as AWS spells it."""
    moment = dt.datetime.fromtimestamp(commit.authored, dt.UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
