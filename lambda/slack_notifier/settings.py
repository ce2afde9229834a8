"""The function's settings, from its environment variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from slack_notifier.notice import Outcome

_CHOICES = tuple(outcome for outcome in Outcome if outcome is not Outcome.UNKNOWN)
_DEFAULT = "failed,recovered,approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The function's settings, read and checked once.

    Attributes
    ----------
    secret
        ``SLACK_SECRET``: the ARN of a Secrets Manager secret, or the ARN or name of a SecureString
        parameter, that holds the webhook's URL or the bot's token.
    channel
        ``SLACK_CHANNEL``: the id of the channel that the bot posts to.
    notify_on
        ``NOTIFY_ON``: what messages are sent on; failures, recoveries and approvals by default.
    service
        ``SERVICE_NAME``: the service's name in messages and metrics; by default what the event is
        about.
    state_table
        ``STATE_TABLE``: the DynamoDB table that records what has been sent.
    docs_url
        ``DOCS_URL``: the page that explains common errors.
    test_origin
        ``SLACK_TEST_ORIGIN``: where to send instead of Slack.
    """

    secret: str
    channel: str = ""
    notify_on: frozenset[Outcome] = frozenset()
    service: str = ""
    state_table: str = ""
    docs_url: str = ""
    test_origin: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Parameters
        ----------
        environment
            The process's environment.

        Raises
        ------
        ValueError
            If a variable is missing or cannot be what it should.
        """
        secret = environment.get("SLACK_SECRET", "")
        if not re.fullmatch(
            r"arn:[\w-]+:(secretsmanager|ssm):[\w-]+:\d{12}:\S+|/?[\w.-]+(/[\w.-]+)*", secret
        ) or secret.startswith(("xox", "https:")):
            # Never the value: a token that was put here by mistake would end in the log.
            raise ValueError(
                "'SLACK_SECRET' must be the ARN of a Secrets Manager secret, or the ARN or name of "
                "a SecureString parameter; store the webhook's URL or the bot's token in one of "
                "them and give its ARN"
            )
        channel = environment.get("SLACK_CHANNEL", "")
        if channel and not re.fullmatch(r"[CGD][A-Z0-9]{6,20}", channel):
            raise ValueError(
                f"'SLACK_CHANNEL' must be a channel's id such as 'C0123456789', got {channel!r}; "
                f"Slack shows it at the end of 'View channel details'"
            )
        names = [
            name.strip()
            for name in environment.get("NOTIFY_ON", _DEFAULT).split(",")
            if name.strip()
        ]
        if wrong := [name for name in names if name not in list(_CHOICES)]:
            raise ValueError(
                f"'NOTIFY_ON' must list some of {', '.join(_CHOICES)}, got {wrong[0]!r}; "
                f"omit it for {_DEFAULT}"
            )
        for variable in ("DOCS_URL", "SLACK_TEST_ORIGIN"):
            value = environment.get(variable, "")
            if value and (
                urlsplit(value).scheme not in ("https", "http") or re.search(r"[\s<>|]", value)
            ):
                raise ValueError(
                    f"'{variable}' must be an https:// address, got {value!r}; omit it"
                )
        return cls(
            secret=secret,
            channel=channel,
            notify_on=frozenset(map(Outcome, names)),
            service=environment.get("SERVICE_NAME", ""),
            state_table=environment.get("STATE_TABLE", ""),
            docs_url=environment.get("DOCS_URL", "").rstrip("/#"),
            test_origin=environment.get("SLACK_TEST_ORIGIN", "").rstrip("/"),
        )
