"""How a build logs in to Docker Hub, whose anonymous pulls are limited by rate."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from container_pipelines._checks import check_name

_PARAMETER_NAME = r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*"


class DockerHubCredentials:
    """A Docker Hub user and its access token, kept where CodeBuild reads them at each build.

    Neither value ever stands in a template or in the project's settings. Make one with
    :meth:`from_parameter_store` or :meth:`from_secret`.

    Parameters
    ----------
    variables
        The build's environment variables ``DOCKERHUB_USER`` and ``DOCKERHUB_TOKEN``.
    secret
        The secret that they come from, if it is one.
    """

    def __init__(
        self,
        variables: dict[str, codebuild.BuildEnvironmentVariable],
        secret: secretsmanager.ISecret | None = None,
    ) -> None:
        self.variables: Final = variables
        self._secret = secret

    def grant_read(self, grantee: iam.IGrantable) -> None:
        """Allow to decrypt the secret; reading it is granted with the variables.

        Parameters
        ----------
        grantee
            The build's role.
        """
        if self._secret is not None and self._secret.encryption_key is not None:
            self._secret.encryption_key.grant_decrypt(grantee)

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
            The name of the parameter with the token; make it a ``SecureString``. With the key that
            AWS manages for Parameter Store the build needs no further permission; one encrypted
            with a key of your own needs ``kms:Decrypt`` for ``BuildProject.role``.

        Returns
        -------
        DockerHubCredentials
            The credentials.

        Raises
        ------
        ValueError
            If a name is not one that Parameter Store takes.
        """
        for parameter, value in (
            ("user_parameter", user_parameter),
            ("token_parameter", token_parameter),
        ):
            check_name(
                parameter,
                value,
                pattern=_PARAMETER_NAME,
                maximum=1011,
                allowed="a parameter's name such as '/codebuild/dockerhub-user'",
            )
        return _credentials(
            codebuild.BuildEnvironmentVariableType.PARAMETER_STORE, user_parameter, token_parameter
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
        return _credentials(
            codebuild.BuildEnvironmentVariableType.SECRETS_MANAGER,
            f"{secret.secret_arn}:{user_field}",
            f"{secret.secret_arn}:{token_field}",
            secret,
        )


def _credentials(
    kind: codebuild.BuildEnvironmentVariableType,
    user: str,
    token: str,
    secret: secretsmanager.ISecret | None = None,
) -> DockerHubCredentials:
    return DockerHubCredentials(
        {
            "DOCKERHUB_USER": codebuild.BuildEnvironmentVariable(type=kind, value=user),
            "DOCKERHUB_TOKEN": codebuild.BuildEnvironmentVariable(type=kind, value=token),
        },
        secret,
    )
