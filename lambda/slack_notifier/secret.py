"""The webhook's URL or the bot's token, read once and shown to nobody."""

import json
import re
from typing import Final
from urllib.parse import urlsplit

from slack_notifier.aws import Clients
from slack_notifier.redact import HIDDEN

WEBHOOK_HOST: Final = "hooks.slack.com"


class SecretError(Exception):
    """The secret cannot be read or is of no use. Says which it is, never what it holds."""


class Credential:
    """A webhook's URL or a bot's token. Its text shows neither."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the request that needs it."""
        return self._value

    @property
    def is_token(self) -> bool:
        """Whether it is a bot's token."""
        return self._value.startswith("xoxb-")

    def __repr__(self) -> str:
        return f"Credential({HIDDEN})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credential) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


class SecretReader:
    """Reads the credential when it is first needed, and again on request.

    Parameters
    ----------
    location
        The ARN of a Secrets Manager secret, or the ARN or name of an SSM parameter. It holds the
        value itself, or a JSON object with it as ``url`` or ``token``.
    clients
        Makes AWS clients.
    test_origin
        An origin that a webhook may have instead of Slack's; ``""`` for none.
    """

    def __init__(self, location: str, clients: Clients, test_origin: str = "") -> None:
        self._location = location
        self._clients = clients
        self._test_origin = test_origin
        self._credential: Credential | None = None

    def read(self) -> Credential:
        """Return the credential.

        Raises
        ------
        SecretError
            If it cannot be read, or is neither a webhook of Slack nor a bot's token.
        """
        if self._credential is None:
            self._credential = self._checked(self._fetch())
        return self._credential

    def read_again(self) -> bool:
        """Read the credential anew, after Slack has refused it.

        Returns
        -------
        bool
            Whether it has changed.

        Raises
        ------
        SecretError
            As :meth:`read`.
        """
        before, self._credential = self._credential, None
        return self.read() != before

    def _fetch(self) -> str:
        # botocore's messages name the caller and the resource, never a value; they are cut off the
        # chain all the same, for the raised error is logged by the runtime.
        try:
            if ":secretsmanager:" in self._location:
                found = self._clients("secretsmanager").get_secret_value(SecretId=self._location)
                value = found.get("SecretString", "")
            else:
                found = self._clients("ssm").get_parameter(Name=self._location, WithDecryption=True)
                value = found["Parameter"]["Value"]
        except Exception as error:
            raise SecretError(
                f"The secret of 'SLACK_SECRET' cannot be read ({_code(error)}); let the function's "
                f"role read it, and decrypt it if it has a KMS key"
            ) from None
        return str(value).strip()

    def _checked(self, value: str) -> Credential:
        if value.startswith("{"):
            try:
                parsed = json.loads(value)
            except (ValueError, RecursionError):
                parsed = {}
            chosen = parsed.get("url") or parsed.get("token") if isinstance(parsed, dict) else ""
            value = chosen if isinstance(chosen, str) else ""
        if re.fullmatch(r"xoxb-[\w-]{8,}", value) or self._is_webhook(value):
            return Credential(value)
        raise SecretError(
            f"The secret of 'SLACK_SECRET' must hold an incoming webhook's URL below "
            f"https://{WEBHOOK_HOST}/ or a bot's token (xoxb-...), plain or as 'url' or 'token' of "
            f"a JSON object; it holds something else"
        )

    def _is_webhook(self, value: str) -> bool:
        try:
            url = urlsplit(value)
            port = url.port
        except ValueError:
            return False
        if not re.fullmatch(r"[\x21-\x7e]+", value) or url.username is not None:
            return False
        if self._test_origin and f"{url.scheme}://{url.netloc}" == self._test_origin:
            return True
        return (
            url.scheme == "https"
            and url.hostname == WEBHOOK_HOST
            and port in (None, 443)
            and len(url.path) > 1
        )


def _code(error: Exception) -> str:
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or type(error).__name__)
