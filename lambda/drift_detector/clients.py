"""Clients of AWS, by the role for one pipeline."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_codepipeline import CodePipelineClient
    from types_boto3_ecs import ECSClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_ssm import SSMClient


def connect(role: str) -> Clients:
    """Take a role.

    Parameters
    ----------
    role
        Its ARN.

    Returns
    -------
    Clients
        Clients that may do what the role may.
    """
    config = Config(
        connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4}
    )
    credentials = boto3.client("sts", config=config).assume_role(
        RoleArn=role, RoleSessionName="drift-detector", DurationSeconds=900
    )["Credentials"]
    return Clients(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=config,
    )


class Clients:
    """One client for each service, made when it is asked for: most looks need but two.

    Parameters
    ----------
    options
        Credentials and configuration.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options

    @cached_property
    def ecs(self) -> ECSClient:
        """Describes the service and its task definition."""
        return boto3.client("ecs", **self._options)

    @cached_property
    def ssm(self) -> SSMClient:
        """Reads the image pointer, and keeps what is known of a drift."""
        return boto3.client("ssm", **self._options)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """Describes the service's stack."""
        return boto3.client("cloudformation", **self._options)

    @cached_property
    def codepipeline(self) -> CodePipelineClient:
        """Looks at the pipeline and starts it."""
        return boto3.client("codepipeline", **self._options)

    @cached_property
    def events(self) -> EventBridgeClient:
        """Sends the events that notifications are made of."""
        return boto3.client("events", **self._options)
