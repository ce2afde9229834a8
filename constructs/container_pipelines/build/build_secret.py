"""A secret that a build reads while it runs."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from container_pipelines._checks import check_name
from container_pipelines._types import checked

_PARAMETER_NAME: Final = r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*"
_SECRET_NAME: Final = r"[A-Za-z0-9/_+=.@-]+"  # noqa: S105 - what a name may be
_FIELD: Final = r"[^:]+"


@checked()
class BuildSecret:
    """A value that CodeBuild reads from its store at each build, and hides in the build's log.

    It never stands in a template or in the project's settings. Make one with
    :meth:`from_parameter_store`, :meth:`from_secret` or :meth:`from_secret_name`.

    Parameters
    ----------
    variable
        The environment variable that holds it during the build.
    secret
        The secret that it comes from, if it is one.
    """

    def __init__(
        self,
        variable: codebuild.BuildEnvironmentVariable,
        secret: secretsmanager.ISecret | None = None,
    ) -> None:
        self.variable: Final = variable
        self._secret = secret

    def grant_read(self, grantee: iam.IGrantable) -> None:
        """Allow to decrypt the secret; reading it is granted with the variable.

        Parameters
        ----------
        grantee
            The build's role.
        """
        if self._secret is not None and self._secret.encryption_key is not None:
            self._secret.encryption_key.grant_decrypt(grantee)

    @staticmethod
    def from_parameter_store(parameter_name: str) -> BuildSecret:
        """Read the value of a parameter.

        Parameters
        ----------
        parameter_name
            The parameter's name; make it a ``SecureString``. With the key that AWS manages for
            Parameter Store the build needs no further permission; one encrypted with a key of your
            own needs ``kms:Decrypt`` for ``BuildProject.role``.

        Returns
        -------
        BuildSecret
            The secret.

        Raises
        ------
        ValueError
            If the name is not one that Parameter Store takes.
        """
        check_parameter_name("parameter_name", parameter_name)
        return BuildSecret(
            codebuild.BuildEnvironmentVariable(
                type=codebuild.BuildEnvironmentVariableType.PARAMETER_STORE, value=parameter_name
            )
        )

    @staticmethod
    def from_secret(secret: secretsmanager.ISecret, *, field: str | None = None) -> BuildSecret:
        """Read a secret in Secrets Manager.

        Parameters
        ----------
        secret
            The secret.
        field
            The field of a secret whose value is a JSON object; the whole value by default.

        Returns
        -------
        BuildSecret
            The secret.

        Raises
        ------
        ValueError
            If the field has a colon, which separates the parts of a reference.
        """
        return BuildSecret(_in_secrets_manager(secret.secret_arn, field), secret)

    @staticmethod
    def from_secret_name(secret_name: str, *, field: str | None = None) -> BuildSecret:
        """Read a secret in Secrets Manager that is known by its name alone.

        The build may read that one secret; what :meth:`from_secret` is given by its name, it may
        read with all whose names go on from there.

        Parameters
        ----------
        secret_name
            The secret's name, in the build's account and region.
        field
            The field of a secret whose value is a JSON object; the whole value by default.

        Returns
        -------
        BuildSecret
            The secret.

        Raises
        ------
        ValueError
            If the name is not one that Secrets Manager takes, or the field has a colon.
        """
        check_name(
            "secret_name",
            secret_name,
            pattern=_SECRET_NAME,
            maximum=512,
            allowed="a secret's name such as 'my-app/npm-token'",
        )
        return BuildSecret(_in_secrets_manager(secret_name, field))


def _in_secrets_manager(secret: str, field: str | None) -> codebuild.BuildEnvironmentVariable:
    if field is not None:
        check_name("field", field, pattern=_FIELD, maximum=512, allowed="a JSON key without ':'")
        secret = f"{secret}:{field}"
    return codebuild.BuildEnvironmentVariable(
        type=codebuild.BuildEnvironmentVariableType.SECRETS_MANAGER, value=secret
    )


def check_parameter_name(parameter: str, value: str) -> None:
    """Reject a name that Parameter Store would not take.

    Parameters
    ----------
    parameter
        The construct's parameter as the caller wrote it.
    value
        The name.

    Raises
    ------
    ValueError
        If Parameter Store does not take it.
    """
    check_name(
        parameter,
        value,
        pattern=_PARAMETER_NAME,
        maximum=1011,
        allowed="a parameter's name such as '/my-app/npm-token'",
    )
