"""The roles by which pipelines work.

CodePipeline assumes the pipeline's role, and by that the role of an action or rule that has its
own: https://docs.aws.amazon.com/codepipeline/latest/userguide/security-iam-service-with-iam.html.
"""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.clients import Clients
from local.emulator.permissions import DeniedError
from local.emulator.pipelines import catalogue
from local.emulator.pipelines.action import ActionError


def clients_of(
    clients: Clients, pipeline: Mapping[str, Any], declared: Mapping[str, Any]
) -> Clients:
    """Return clients with the role of an action or rule.

    Parameters
    ----------
    clients
        Clients of the emulator.
    pipeline
        Declaration of the pipeline.
    declared
        Declaration of the action or rule.

    Raises
    ------
    DeniedError
        A role cannot be assumed.
    """
    source = {"aws:SourceArn": catalogue.arn(pipeline["name"])}
    own = clients.acting_as(pipeline["roleArn"], "codepipeline.amazonaws.com", source)
    role = declared.get("roleArn")
    return own.acting_as(role, own.role) if role else own


def denial(error: Exception) -> ActionError | None:
    """Return how an action fails by an error that says that a permission is missing."""
    is_denied = isinstance(error, DeniedError) or (
        isinstance(error, ClientError) and "AccessDenied" in error.response["Error"]["Code"]
    )
    return ActionError(str(error), "PermissionError") if is_denied else None
