"""Clients of the emulator's own AWS APIs, for what runs outside a request: builds and pipelines."""

import functools
import threading
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from local.emulator.permissions import permissions
from local.emulator.scope import Scope, current


class Clients:
    """boto3 clients for the account and region that are worked for.

    Parameters
    ----------
    endpoint
        Where the emulator answers.
    role
        ARN of the role by which they call it; without one, nobody asks what they may do.

    Attributes
    ----------
    role
        The role's ARN, or nothing.
    """

    def __init__(self, endpoint: str, role: str = "") -> None:
        self.endpoint = endpoint
        self.role = role
        self._making = threading.Lock()
        self._make = functools.cache(self._new)
        self._of_role = functools.cache(functools.partial(Clients, endpoint))

    def __call__(self, service: str) -> Any:
        """Return the client of a service in the current scope."""
        with self._making:  # making one is not thread-safe in boto3, using one is
            return self._make(service, current())

    def acting_as(self, role: str, by: str, context: Mapping[str, str] | None = None) -> "Clients":
        """Return clients that call by a role.

        Parameters
        ----------
        role
            Its ARN; with none, these clients are returned.
        by
            Who assumes it: a service's principal, or another role.
        context
            Condition keys for its trust policy.

        Raises
        ------
        DeniedError
            It cannot be assumed.
        """
        return self._of_role(permissions.assume(role, by, context)) if role else self

    def environment(self) -> dict[str, str]:
        """Return the variables that lead AWS's SDKs and CLI here, in the current scope."""
        scope = current()
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": scope.account,
            "AWS_SECRET_ACCESS_KEY": "local",  # the emulator checks none
            # By its session token the emulator knows a role.
            **({"AWS_SESSION_TOKEN": self.role} if self.role else {}),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": scope.region,
            "AWS_DEFAULT_REGION": scope.region,
        }

    def _new(self, service: str, scope: Scope) -> Any:
        new: Any = boto3.session.Session(
            aws_access_key_id=scope.account,
            aws_secret_access_key="local",  # noqa: S106  # the emulator checks none
            aws_session_token=self.role or None,
            region_name=scope.region,
        ).client
        return new(
            service,
            endpoint_url=self.endpoint,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                read_timeout=900,
                max_pool_connections=50,
            ),
        )
