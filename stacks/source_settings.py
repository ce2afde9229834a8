"""The settings below ``services.N.source``: the repository that is released."""

from collections.abc import Iterator
from typing import Annotated, Literal

from stacks._mistakes import Mistake, mistake
from stacks._model import Model, text

Branch = Annotated[
    str,
    # What git check-ref-format allows.
    text(
        r"(?![-/])(?!.*(\.\.|//|@\{))[^\s~^:?*\[\\]+(?<![/.])(?<!\.lock)",
        "the name of a Git branch, such as 'main'",
        maximum=255,
    ),
]


class _Source(Model):
    """What each kind of source has."""

    branch: Branch = "main"
    full_clone: bool = False

    def mistakes(self) -> Iterator[Mistake]:
        """Find a reference that is more than a branch's name."""
        if self.branch.startswith("refs/"):
            short = self.branch.removeprefix("refs/heads/")
            yield mistake(
                "branch",
                f"must be the branch's short name, got '{self.branch}': write '{short}'",
            )


class GitHubSource(_Source):
    """A repository behind a connection (GitHub, GitLab, Bitbucket)."""

    type: Literal["github"]
    repository: Annotated[
        str,
        text(
            r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+",
            "'owner/name', as in the repository's address",
            maximum=256,
        ),
    ]
    """The repository as ``owner/name``."""
    connection_arn: (
        Annotated[
            str,
            text(
                r"arn:[a-z-]+:(codeconnections|codestar-connections):[^:]+:[^:]+:connection/.+",
                "a connection's ARN, 'arn:aws:codeconnections:<region>:<account>:connection/<id>'",
                maximum=256,
            ),
        ]
        | None
    ) = None
    """The connection; one that the app makes by default."""


class CodeCommitSource(_Source):
    """A repository in CodeCommit."""

    type: Literal["codecommit"]
    repository: Annotated[
        str,
        text(r"[A-Za-z0-9._-]+", "a repository's name, without the region's address", maximum=100),
    ]
