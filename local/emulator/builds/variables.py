"""The environment variables of a build: whose value counts, and what the value is."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.clients import Clients


class VariableError(Exception):
    """A variable's value cannot be had; the message names it."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Variables with their values, and those values that a log must not show."""

    values: Mapping[str, str]
    secrets: frozenset[str]


class Resolver:
    """Looks up values in the Parameter Store and the Secrets Manager.

    Parameters
    ----------
    clients
        Clients of the emulator.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def resolve(self, variables: Iterable[Mapping[str, Any]]) -> Resolved:
        """Give variables their values; of two with one name the later counts."""
        values: dict[str, str] = {}
        secrets: set[str] = set()
        for variable in {variable["name"]: variable for variable in variables}.values():
            value = str(variable.get("value", ""))
            match variable.get("type", "PLAINTEXT"):
                case "PARAMETER_STORE":
                    value = self.parameter(value)
                    secrets.add(value)
                case "SECRETS_MANAGER":
                    value = self.secret(value)
                    secrets.add(value)
            values[variable["name"]] = value
        return Resolved(values, frozenset(secrets - {""}))

    def parameter(self, name: str) -> str:
        """Return the value of a parameter."""
        try:
            # As CodeBuild does, which needs ssm:GetParameters for it.
            found = self._clients("ssm").get_parameters(Names=[name], WithDecryption=True)
        except ClientError as error:
            raise VariableError(f"parameter cannot be read: {name}: {error}") from error
        if not found["Parameters"]:
            raise VariableError(f"parameter does not exist: {name}")
        value: str = found["Parameters"][0]["Value"]
        return value

    def secret(self, reference: str) -> str:
        """Return a secret.

        Parameters
        ----------
        reference
            ``ID[:JSON key[:version stage[:version id]]]``; the id may be an ARN.
        """
        parts = reference.split(":")
        length = 7 if reference.startswith("arn:") else 1
        secret_id, (key, stage, version) = (
            ":".join(parts[:length]),
            (*parts[length:], "", "", "")[:3],
        )
        wanted = {"SecretId": secret_id, "VersionStage": stage, "VersionId": version}
        try:
            found = self._clients("secretsmanager").get_secret_value(
                **{name: value for name, value in wanted.items() if value}
            )
        except ClientError as error:
            raise VariableError(f"Secrets Manager can't find the secret {secret_id}") from error
        secret: str = found["SecretString"]
        if not key:
            return secret
        try:
            return str(json.loads(secret)[key])
        except (ValueError, TypeError, KeyError):
            # Without the cause: it would quote the secret.
            raise VariableError(f"The secret {secret_id} has no JSON key {key!r}") from None
