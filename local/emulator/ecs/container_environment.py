"""What a container finds in its environment: plain values, secrets, and what Fargate sets.

Secrets as in
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-ssm-paramstore.html.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ministack.services import secretsmanager, ssm

from local.emulator import scope


class SecretUnavailableError(Exception):
    """A secret cannot be had; the message names it, and never its value."""


def environment(
    definition: Mapping[str, Any], overriding: Iterable[Mapping[str, str]]
) -> dict[str, str]:
    """Return the environment of a container.

    Parameters
    ----------
    definition
        The container definition.
    overriding
        ``environment`` of the override that RunTask was given for it.

    Raises
    ------
    SecretUnavailableError
        A secret does not exist, or has not the key.
    """
    region = scope.current().region
    return {
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **{each["name"]: each["value"] for each in definition.get("environment") or ()},
        **{each["name"]: _secret(each["valueFrom"]) for each in definition.get("secrets") or ()},
        **{each["name"]: each["value"] for each in overriding},
    }


def _secret(source: str) -> str:
    parts = source.split(":")
    if parts[2:3] != ["secretsmanager"]:
        parameter: str | None = ssm.resolve_parameter_value(source, decrypt=True)
        if parameter is None:
            raise SecretUnavailableError(f"the parameter {source} does not exist")
        return parameter
    # ARN:KEY:VERSION STAGE:VERSION ID, each of which may be empty or not there
    key, stage, version = (*parts[7:], "", "", "")[:3]
    value: str | None = secretsmanager.resolve_secret_string(
        ":".join(parts[:7]), stage or "AWSCURRENT", version or None
    )
    if value is None:
        raise SecretUnavailableError(f"the secret {source} does not exist")
    if not key:
        return value
    try:
        found = json.loads(value)[key]
    except (ValueError, KeyError, TypeError):
        raise SecretUnavailableError(f"the secret {source} has no JSON key {key}") from None
    return found if isinstance(found, str) else json.dumps(found)
