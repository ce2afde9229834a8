"""The stack of a service, which CloudFormation may be at work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient


def stack_operation(cloudformation: CloudFormationClient, stack: str) -> str | None:
    """Say what CloudFormation does with a stack at the moment.

    A deployment in the middle of it could make the update or its roll-back fail, which waits for
    the service to be steady.

    Parameters
    ----------
    cloudformation
        A client that may describe the stack.
    stack
        Its name.

    Returns
    -------
    str or None
        The stack's status while an operation is in progress, otherwise None.
    """
    from botocore.exceptions import ClientError

    try:
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        # So CloudFormation answers for a stack that is gone.
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    # A change set of a stack to come changes nothing.
    return status if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS" else None
