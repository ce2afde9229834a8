"""Clients of the emulator's own AWS APIs, for what runs outside a request: builds and pipelines."""

import functools
import threading
from typing import Any

import boto3
from botocore.config import Config

from local.emulator.scope import Scope, current


class Clients:
    """boto3 clients for the account and region that are worked for.

    Parameters
    ----------
    endpoint
        Where the emulator answers.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._making = threading.Lock()
        self._make = functools.cache(self._new)

    def __call__(self, service: str) -> Any:
        """Return the client of a service in the current scope."""
        with self._making:  # making one is not thread-safe in boto3, using one is
            return self._make(service, current())

    def environment(self) -> dict[str, str]:
        """Return the variables that lead AWS's SDKs and CLI here, in the current scope."""
        scope = current()
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": scope.account,
            "AWS_SECRET_ACCESS_KEY": "local",  # the emulator checks none
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": scope.region,
            "AWS_DEFAULT_REGION": scope.region,
        }

    def _new(self, service: str, scope: Scope) -> Any:
        new: Any = boto3.session.Session(
            aws_access_key_id=scope.account,
            aws_secret_access_key="local",  # noqa: S106  # the emulator checks none
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
