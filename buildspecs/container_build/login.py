"""Logins to registries."""

from __future__ import annotations

import base64
import binascii

from container_build.aws import Aws
from container_build.failure import BuildFailedError
from container_build.programs import AwsError, Programs
from container_build.settings import Repository


def ecr_password(aws: Aws, repository: Repository) -> str:
    """Ask for the password of a registry of Amazon ECR.

    Parameters
    ----------
    aws
        Asks AWS.
    repository
        A repository of the registry. The password holds for its region, which need not be the
        build's, and for every account that lets the build's role in.

    Returns
    -------
    str
        The password.

    Raises
    ------
    BuildFailedError
        If AWS gives none.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
    """
    try:
        answer = aws.ask("ecr", "GetAuthorizationToken", {}, repository.region)
        token = answer["authorizationData"][0]["authorizationToken"]
        return base64.b64decode(token).decode().partition(":")[2]
    except AwsError as error:
        raise BuildFailedError(f"Amazon ECR gives no login: {error}") from None
    except (LookupError, TypeError, ValueError, binascii.Error):
        # Without the cause: it could quote the token.
        raise BuildFailedError("Amazon ECR gives no login: its answer is not readable.") from None


def log_in(programs: Programs, registry: str, user: str, password: str, *, name: str) -> None:
    """Log in to a registry.

    Parameters
    ----------
    programs
        Runs Docker.
    registry
        The registry's host; empty for Docker Hub.
    user, password
        The login.
    name
        What people call the registry.

    Raises
    ------
    BuildFailedError
        If the registry refuses it.
    """
    print(f"Logging in to {name}", flush=True)
    arguments = ["login", "--username", user, "--password-stdin", *([registry] if registry else [])]
    status, lines = programs.docker(*arguments, text=password)
    if status:
        cause = lines.strip().splitlines()[-1:] or ["docker login said nothing"]
        raise BuildFailedError(f"The login to {name} has failed: {cause[0]}")
