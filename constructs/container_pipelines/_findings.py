"""Findings that several constructs share, with the reasons that hold for all of them."""

from typing import Final

ROLES: Final[dict[str, str]] = {
    "IAMNoInlinePolicy": "A role of its own for each task, with what that task needs: as an inline "
    "policy it can be attached to nothing else, and is deleted with the role.",
}
"""Of a construct that makes roles."""

LOGS: Final[dict[str, str]] = {
    "CloudWatchLogGroupEncrypted": "CloudWatch Logs encrypts every log group at rest, with a key "
    "that AWS owns. The KmsKeyId of the CfnLogGroup takes one of your own.",
}
"""Of a construct that makes a log group."""


def of_function(failure: str, *, in_vpc: bool = False) -> dict[str, str]:
    """Return what is found about a function itself.

    Parameters
    ----------
    failure
        Why a failed call needs no dead-letter queue of the function.
    in_vpc
        Whether it runs in a VPC.
    """
    outside = {
        "LambdaInsideVPC": "It reads and writes nothing that is in a VPC, and calls public HTTPS "
        "endpoints alone. No security group lets it in anywhere; in a VPC it would need a NAT "
        "gateway, or an endpoint for each API.",
    }
    return {
        **({} if in_vpc else outside),
        "LambdaConcurrency": "A reservation is taken from what the account's other functions may "
        "use, and refused where the account's limit is low, as a new one's is. A few calls a "
        "minute reach it at most.",
        "LambdaDLQ": failure,
        "Serverless-LambdaDLQ": failure,
        "Serverless-LambdaTracing": "It calls AWS or one address directly, and no function behind "
        "that: its log, with a line for each decision, shows as much as a trace would.",
    }
