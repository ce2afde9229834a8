"""How a build gets images of Docker Hub, whose anonymous pulls are limited by rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from container_pipelines._acknowledge import acknowledge_wildcards
from container_pipelines._checks import check_name
from container_pipelines._types import checked
from container_pipelines.build.build_secret import BuildSecret, check_parameter_name


@checked()
class DockerHubCredentials:
    """A Docker Hub user and its access token, kept where CodeBuild reads them at each build.

    Neither value ever stands in a template or in the project's settings. Make one with
    :meth:`from_parameter_store` or :meth:`from_secret`.

    Parameters
    ----------
    user, token
        Where the two are kept.
    """

    def __init__(self, *, user: BuildSecret, token: BuildSecret) -> None:
        self._user = user
        self._token = token

    def variables(
        self,
        repository: ecr.IRepository,
    ) -> dict[str, codebuild.BuildEnvironmentVariable]:
        """Give the environment variables that the build logs in with.

        Parameters
        ----------
        repository
            The repository that the build pushes to; not needed.

        Returns
        -------
        dict
            The variables by name.
        """
        return {"DOCKERHUB_USER": self._user.variable, "DOCKERHUB_TOKEN": self._token.variable}

    def grant_pull(self, role: iam.Role) -> None:
        """Allow to decrypt the credentials; reading them is granted with the variables.

        Parameters
        ----------
        role
            The build's role.
        """
        self._user.grant_read(role)
        self._token.grant_read(role)

    @staticmethod
    def from_parameter_store(
        *,
        user_parameter: str = "/codebuild/dockerhub-user",
        token_parameter: str = "/codebuild/dockerhub-token",  # noqa: S107 - a parameter's name
    ) -> DockerHubCredentials:
        """Read user and token from two parameters.

        Parameters
        ----------
        user_parameter
            The name of the parameter with the user.
        token_parameter
            The name of the parameter with the token; see :meth:`BuildSecret.from_parameter_store`.

        Returns
        -------
        DockerHubCredentials
            The credentials.

        Raises
        ------
        ValueError
            If a name is not one that Parameter Store takes.
        """
        check_parameter_name("user_parameter", user_parameter)
        check_parameter_name("token_parameter", token_parameter)
        return DockerHubCredentials(
            user=BuildSecret.from_parameter_store(user_parameter),
            token=BuildSecret.from_parameter_store(token_parameter),
        )

    @staticmethod
    def from_secret(
        secret: secretsmanager.ISecret,
        *,
        user_field: str = "user",
        token_field: str = "token",  # noqa: S107 - a field's name
    ) -> DockerHubCredentials:
        """Read user and token from two fields of one secret in Secrets Manager.

        Parameters
        ----------
        secret
            The secret; its value is a JSON object.
        user_field
            The field with the user.
        token_field
            The field with the token.

        Returns
        -------
        DockerHubCredentials
            The credentials.
        """
        return DockerHubCredentials(
            user=BuildSecret.from_secret(secret, field=user_field),
            token=BuildSecret.from_secret(secret, field=token_field),
        )


@checked("pull_through_cache")
@dataclass(frozen=True, slots=True, kw_only=True)
class PullThroughCache:
    """A pull-through cache of Amazon ECR in the place of Docker Hub.

    ``FROM node:20`` is then pulled through the cache, as the builder's own image is, with the login
    to ECR that the build has anyway: no Docker Hub login, no rate limit, and no change to the
    Dockerfile. BuildKit turns to Docker Hub itself for what the cache does not answer.

    The cache's rule for Docker Hub must be there: there is one for each account, region and
    prefix, and it carries the credentials for Docker Hub that AWS demands.

    Parameters
    ----------
    prefix
        The prefix of the repositories that the rule makes.

    Raises
    ------
    ValueError
        If ECR does not take the prefix.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-creating-rule.html
    """

    prefix: str = "docker-hub"

    def __post_init__(self) -> None:
        check_name(
            "pull_through_cache.prefix",
            self.prefix,
            pattern=r"[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*",
            minimum=2,
            maximum=30,
            allowed="lower-case letters, digits, and single '.', '_', '-' or '/' between them",
        )

    def variables(
        self, repository: ecr.IRepository
    ) -> dict[str, codebuild.BuildEnvironmentVariable]:
        """Give the environment variable that leads the build to the cache.

        Parameters
        ----------
        repository
            The repository that the build pushes to: the cache is in the same registry.

        Returns
        -------
        dict
            The variable by name.
        """
        value = f"{repository.registry_uri}/{self.prefix}"
        return {"PULL_THROUGH_CACHE": codebuild.BuildEnvironmentVariable(value=value)}

    def grant_pull(self, role: iam.Role) -> None:
        """Allow to pull through the cache, which makes a repository for each new image.

        Parameters
        ----------
        role
            The build's role.

        Notes
        -----
        https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html
        """
        cached: Final = Stack.of(role).format_arn(
            service="ecr",
            resource="repository",
            resource_name=f"{self.prefix}/*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        iam.Grant.add_to_principal(
            grantee=role,
            actions=[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:BatchImportUpstreamImage",
                "ecr:CreateRepository",
                "ecr:GetDownloadUrlForLayer",
            ],
            resource_arns=[cached],
        )
        acknowledge_wildcards(
            role,
            {
                cached: "The cache makes a repository for each image that a Dockerfile names; all "
                "of them are below its prefix."
            },
        )
