"""AWS clients of a local cloud."""

from collections.abc import Callable
from typing import Any

import boto3

from local.cloud import ACCOUNT, REGION


def clients(endpoint: str) -> Callable[[str], Any]:
    """Return what makes clients of a local cloud.

    Parameters
    ----------
    endpoint
        The cloud's address.

    Returns
    -------
    Callable
        From a service's name, such as ``ecs``, to boto3's client of it.
    """
    session = boto3.Session(
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="local",  # noqa: S106 - no secret
        region_name=REGION,
    )
    return lambda service: session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]
