"""Where the code comes from: a repository behind a connection, or CodeCommit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam

from container_pipelines._acknowledge import acknowledge
from container_pipelines._checks import check_name
from container_pipelines._types import checked

_RULE_FINDINGS: Final = {
    "Serverless-EventBusDLQ": "EventBridge tries for a day to start the pipeline. Whatever starts "
    "it then, the next push or a person, releases the newest commit.",
}
_NAMESPACE: Final = "SourceVariables"
# The service was renamed: the prefix of the action must be the one of the connection's ARN, and a
# connection that was made under the old name keeps its ARN.
_PREFIXES: Final = ("codeconnections", "codestar-connections")
# What git check-ref-format allows.
_BRANCH = r"(?![-/])(?!.*(\.\.|//|@\{))[^\s~^:?*\[\\]+(?<![/.])(?<!\.lock)"


@checked()
class Source(ABC):
    """A branch of a repository that starts the pipeline when it moves.

    Make one with :meth:`github` or :meth:`code_commit`.

    Parameters
    ----------
    branch
        The branch that is released.
    full_clone
        Whether the build gets a clone with its history instead of a zip of the files.
    """

    def __init__(self, *, branch: str, full_clone: bool) -> None:
        check_name(
            "branch",
            branch,
            pattern=_BRANCH,
            maximum=255,
            allowed="a Git branch such as 'main', without 'refs/heads/'",
        )
        if branch.startswith("refs/"):
            raise ValueError(
                f"'branch' must be a branch's short name such as 'main', got '{branch}'; leave out "
                f"what stands before it"
            )
        self.branch = branch
        self.full_clone = full_clone

    @staticmethod
    def github(
        *,
        connection_arn: str,
        repository: str,
        branch: str = "main",
        host: str = "github.com",
        full_clone: bool = False,
        trigger_on_push: bool = True,
    ) -> Source:
        """Use a repository on GitHub (or Bitbucket, GitLab, ...) through a connection.

        A new connection is *pending* until it is completed in the console:
        Developer Tools, Settings, Connections, "Update pending connection".

        Parameters
        ----------
        connection_arn
            The connection's ARN (``codeconnections`` or, for older ones, ``codestar-connections``).
        repository
            The repository as ``owner/name``.
        branch
            The branch that is released.
        host
            The code host's name, which the image's source label has; for GitLab, Bitbucket or a
            self-hosted one.
        full_clone
            Hand the build a Git clone instead of a zip of the files; for builds that need history
            or tags, executable bits or symbolic links, none of which a zip keeps. The build then
            uses the connection itself: to read this one repository, as far as AWS gives IAM which
            one a request is about. For submodules elsewhere grant ``UseConnection`` to the build.
        trigger_on_push
            Whether a push starts the pipeline. Triggers of the pipeline's controls stand in for it.

        Returns
        -------
        Source
            The source.

        Raises
        ------
        ValueError
            If the connection's ARN, the repository or the branch is malformed.
        """
        check_name(
            "connection_arn",
            connection_arn,
            pattern=r"arn:[a-z-]+:(codeconnections|codestar-connections):[^:]+:[^:]+:connection/.+",
            maximum=256,
            allowed="a connection's ARN, 'arn:aws:codeconnections:<region>:<account>:connection/"
            "<id>'",
        )
        check_name(
            "repository",
            repository,
            pattern=r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+",
            maximum=256,
            allowed="'owner/name' as it stands in the repository's address",
        )
        return _Connection(
            connection_arn=connection_arn,
            repository=repository,
            branch=branch,
            host=host,
            full_clone=full_clone,
            trigger_on_push=trigger_on_push,
        )

    @staticmethod
    def code_commit(
        *,
        repository: codecommit.IRepository,
        branch: str = "main",
        full_clone: bool = False,
        trigger_on_push: bool = True,
    ) -> Source:
        """Use a repository in CodeCommit.

        Parameters
        ----------
        repository
            The repository.
        branch
            The branch that is released.
        full_clone
            Hand the build a Git clone instead of a zip of the files.
        trigger_on_push
            Whether a push starts the pipeline, by an event rule.

        Returns
        -------
        Source
            The source.

        Raises
        ------
        ValueError
            If the branch is malformed.
        """
        return _CodeCommit(
            repository=repository,
            branch=branch,
            full_clone=full_clone,
            trigger_on_push=trigger_on_push,
        )

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the code is, for people and for the label of images."""

    @property
    @abstractmethod
    def takes_triggers(self) -> bool:
        """Whether the pipeline can filter what starts it: sources behind a connection alone."""

    @abstractmethod
    def action(
        self, *, output: codepipeline.Artifact, role: iam.Role, triggered: bool
    ) -> codepipeline.IAction:
        """Make the pipeline's source action and grant its role what it needs of the repository.

        Parameters
        ----------
        output
            The artifact that the action writes. The pipeline grants the role the artifact bucket.
        role
            The action's role.
        triggered
            Whether the pipeline has triggers, which the source's own would come on top of.

        Returns
        -------
        codepipeline.IAction
            The action.
        """

    @abstractmethod
    def grant_clone(self, grantee: iam.IGrantable) -> None:
        """Allow a build to clone; needed with ``full_clone`` alone.

        Parameters
        ----------
        grantee
            The build's role.
        """


class _Connection(Source):
    def __init__(
        self,
        *,
        connection_arn: str,
        repository: str,
        branch: str,
        host: str,
        full_clone: bool,
        trigger_on_push: bool,
    ) -> None:
        super().__init__(branch=branch, full_clone=full_clone)
        self._url = f"https://{host}/{repository}"
        self._connection_arn = connection_arn
        self._owner, self._name = repository.rsplit("/", 1)
        self._trigger_on_push = trigger_on_push

    @property
    def url(self) -> str:
        return self._url

    @property
    def takes_triggers(self) -> bool:
        return True

    def action(
        self, *, output: codepipeline.Artifact, role: iam.Role, triggered: bool
    ) -> codepipeline.IAction:
        self._grant(role)
        return actions.CodeStarConnectionsSourceAction(
            action_name="Source",
            connection_arn=self._connection_arn,
            owner=self._owner,
            repo=self._name,
            branch=self.branch,
            output=output,
            code_build_clone_output=self.full_clone,
            trigger_on_push=self._trigger_on_push and not triggered,
            role=role.without_policy_updates(),
            variables_namespace=_NAMESPACE,
        )

    def grant_clone(self, grantee: iam.IGrantable) -> None:
        # A connection reaches every repository that its app is installed on, some for writing too,
        # and what the build runs is the repository's. AWS sends these keys for requests about a
        # repository. IfExists: a request that carries none, such as a first check of the
        # connection, cannot end a release.
        # https://docs.aws.amazon.com/dtconsole/latest/userguide/security_iam_id-based-policy-examples-connections.html
        self._grant(
            grantee,
            {
                "StringEqualsIfExists": {
                    f"{prefix}:{key}": value
                    for prefix in _PREFIXES
                    for key, value in (
                        ("FullRepositoryId", f"{self._owner}/{self._name}"),
                        ("ProviderPermissionsRequired", "read_only"),
                    )
                }
            },
        )

    def _grant(
        self, grantee: iam.IGrantable, conditions: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=[f"{prefix}:UseConnection" for prefix in _PREFIXES],
            resource_arns=[self._connection_arn],
            conditions=conditions,
        )


class _CodeCommit(Source):
    def __init__(
        self,
        *,
        repository: codecommit.IRepository,
        branch: str,
        full_clone: bool,
        trigger_on_push: bool,
    ) -> None:
        super().__init__(branch=branch, full_clone=full_clone)
        self._repository = repository
        self._trigger_on_push = trigger_on_push

    @property
    def url(self) -> str:
        return self._repository.repository_clone_url_http

    @property
    def takes_triggers(self) -> bool:
        return False

    def action(
        self, *, output: codepipeline.Artifact, role: iam.Role, triggered: bool
    ) -> codepipeline.IAction:
        self._repository.grant(
            role,
            "codecommit:CancelUploadArchive",
            "codecommit:GetBranch",
            "codecommit:GetCommit",
            "codecommit:GetRepository",
            "codecommit:GetUploadArchiveStatus",
            "codecommit:UploadArchive",
        )
        trigger = actions.CodeCommitTrigger
        # The action makes its rule below the repository once it is in a stage.
        acknowledge(self._repository, _RULE_FINDINGS)
        return actions.CodeCommitSourceAction(
            action_name="Source",
            repository=self._repository,
            branch=self.branch,
            output=output,
            code_build_clone_output=self.full_clone,
            trigger=trigger.EVENTS if self._trigger_on_push and not triggered else trigger.NONE,
            role=role.without_policy_updates(),
            variables_namespace=_NAMESPACE,
        )

    def grant_clone(self, grantee: iam.IGrantable) -> None:
        self._repository.grant(grantee, "codecommit:GitPull")
