"""The code of the services: repositories in CodeCommit, and commits by its API."""

from collections.abc import Mapping
from typing import Final

from botocore.exceptions import ClientError

from acceptance.aws import Aws, code_of

BRANCH: Final = "main"


def create_repository(aws: Aws, name: str, tags: Mapping[str, str]) -> None:
    """Make an empty repository."""
    aws("codecommit").create_repository(
        repositoryName=name,
        repositoryDescription="Made by an acceptance run; deleted at its end",
        tags=dict(tags),
    )


def newest(aws: Aws, repository: str) -> str | None:
    """Return the newest commit of the branch; None while the repository is empty."""
    try:
        branch = aws("codecommit").get_branch(repositoryName=repository, branchName=BRANCH)
    except ClientError as error:
        if code_of(error) != "BranchDoesNotExistException":
            raise
        return None
    return str(branch["branch"]["commitId"])


def push(
    aws: Aws, repository: str, files: Mapping[str, bytes], message: str, parent: str | None
) -> str:
    """Commit files on top of a branch.

    Parameters
    ----------
    aws
        Where the repository is.
    repository
        Its name.
    files
        Path -> content, of what the commit adds or changes.
    message
        The commit's message.
    parent
        The newest commit; None for the first one.

    Returns
    -------
    str
        The commit's id.
    """
    made = aws("codecommit").create_commit(
        repositoryName=repository,
        branchName=BRANCH,
        commitMessage=message,
        authorName="Acceptance run",
        email="acceptance@example.com",
        putFiles=[
            {"filePath": path, "fileContent": content} for path, content in sorted(files.items())
        ],
        **({"parentCommitId": parent} if parent else {}),
    )
    return str(made["commitId"])
