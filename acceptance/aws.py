"""Where the run takes place: clients, account, region, and whether that is AWS."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
from botocore.config import Config

from acceptance.errors import AcceptanceError

_SERVICES: Final = (
    "sts",
    "cloudformation",
    "cloudwatch",
    "codecommit",
    "codedeploy",
    "codepipeline",
    "ecr",
    "ecs",
    "elbv2",
    "iam",
    "logs",
    "s3",
    "ssm",
)
_CONFIG: Final = Config(retries={"mode": "standard", "total_max_attempts": 8})
_AWS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


class Aws:
    """Clients of whatever the credentials and endpoints of the environment lead to.

    Parameters
    ----------
    session
        Where clients come from; boto3's own by default, which reads the environment.

    Attributes
    ----------
    account, region, partition
        Whose and which they are.
    is_aws
        Whether the endpoint of any client is one of AWS's; otherwise answers are an emulator's.

    Raises
    ------
    AcceptanceError
        If there are no usable credentials, or no region.
    """

    def __init__(self, session: Any = None) -> None:
        session = session or boto3.Session()
        if not session.region_name:
            raise AcceptanceError("there is no region: set AWS_REGION to the sandbox's")
        self._clients: dict[str, Any] = {
            service: session.client(service, config=_CONFIG) for service in _SERVICES
        }
        self.region: str = session.region_name
        self.is_aws = any(_is_of_aws(client.meta.endpoint_url) for client in self._clients.values())
        try:
            caller = self("sts").get_caller_identity()
        except (
            botocore.exceptions.BotoCoreError,
            botocore.exceptions.ClientError,
        ) as error:
            raise AcceptanceError(f"nobody answers who the caller is: {error}") from error
        self.account: str = caller["Account"]
        self.partition: str = caller["Arn"].split(":")[1]

    def __call__(self, service: str) -> Any:
        """Return the client of a service, one of those that a run uses."""
        return self._clients[service]

    def acting_as(self, role: str) -> Callable[[str], Any]:
        """Return what makes clients that call by a role.

        Parameters
        ----------
        role
            Its ARN; the caller must be allowed to assume it.
        """
        given = self("sts").assume_role(RoleArn=role, RoleSessionName="acceptance")["Credentials"]
        session: Any = boto3.Session(
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            region_name=self.region,
        )
        return lambda service: session.client(service, config=_CONFIG)

    def pages(self, service: str, operation: str, member: str, **request: Any) -> list[Any]:
        """Return the entries of all pages of a list.

        Parameters
        ----------
        service, operation
            Such as ``ecs`` and ``list_tasks``.
        member
            The name of the list in the answer.
        **request
            What the operation is asked with.
        """
        pages = self(service).get_paginator(operation).paginate(**request)
        return [entry for page in pages for entry in page.get(member, ())]


def confirm(aws: Aws, given: str | None) -> None:
    """Make sure that a run in AWS takes place in the account that somebody has named.

    Parameters
    ----------
    aws
        Where the run takes place.
    given
        What ``ACCEPTANCE_ACCOUNT`` says.

    Raises
    ------
    AcceptanceError
        If the endpoint is AWS's, and the account another than the named one or none is named.
    """
    if not aws.is_aws or given == aws.account:
        return
    named = "ACCEPTANCE_ACCOUNT is not set" if not given else f"ACCEPTANCE_ACCOUNT says {given}"
    raise AcceptanceError(
        f"the credentials are of the account {aws.account} in {aws.region}, and {named}: nothing "
        f"has been made. If that is a sandbox, and the estimate is fine with you, set "
        f"ACCEPTANCE_ACCOUNT={aws.account}"
    )


def code_of(error: botocore.exceptions.ClientError) -> str:
    """Return the code of the error that a call was answered with."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _is_of_aws(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host.endswith(_AWS)
