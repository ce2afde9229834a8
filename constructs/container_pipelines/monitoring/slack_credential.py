"""How the notifier gets into Slack: through a webhook, or as a bot."""

from __future__ import annotations

from dataclasses import dataclass, field

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

from container_pipelines._checks import check_name
from container_pipelines._types import checked
from container_pipelines.build.build_secret import check_parameter_name


@dataclass(frozen=True, slots=True)
class SlackSecret:
    """Where the webhook's URL or the bot's token is kept; never what it is.

    Parameters
    ----------
    parameter_name
        The name of a SecureString parameter.
    secret
        A secret in Secrets Manager.
    encryption_key
        The customer managed key that encrypts the parameter.
    """

    parameter_name: str = ""
    secret: secretsmanager.ISecret | None = field(default=None, repr=False)
    encryption_key: kms.IKey | None = field(default=None, repr=False)

    @staticmethod
    def in_parameter_store(
        parameter_name: str, *, encryption_key: kms.IKey | None = None
    ) -> SlackSecret:
        """Name a SecureString parameter.

        Parameters
        ----------
        parameter_name
            Its name.
        encryption_key
            Its key, where it is a customer managed one.

        Raises
        ------
        ValueError
            If the name is not one that Parameter Store takes.
        """
        # Before anything else says what was given: it may be the secret itself.
        if parameter_name.startswith(("https://", "xoxb-", "xoxp-")):
            raise ValueError(
                "'parameter_name' must be the name of a parameter, got what looks like the secret "
                "itself; put that into a SecureString and give its name; if it has been committed, "
                "replace it in Slack"
            )
        check_parameter_name("parameter_name", parameter_name)
        return SlackSecret(parameter_name, None, encryption_key)

    @property
    def location(self) -> str:
        """Where the function looks: the parameter's name, or the secret's ARN."""
        return self.secret.secret_arn if self.secret is not None else self.parameter_name

    def grant_read(self, role: iam.Role) -> None:
        """Allow to read and decrypt this one secret.

        Parameters
        ----------
        role
            The function's role.
        """
        if self.secret is not None:
            # A secret that is known by its name alone has six more characters in its ARN.
            arn = self.secret.secret_full_arn or f"{self.secret.secret_arn}-??????"
            actions, key = ["secretsmanager:GetSecretValue"], self.secret.encryption_key
        else:
            arn = Stack.of(role).format_arn(
                service="ssm",
                resource="parameter",
                resource_name=self.parameter_name.removeprefix("/"),
            )
            actions, key = ["ssm:GetParameter"], self.encryption_key
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[arn]))
        if key is not None:
            key.grant_decrypt(role)


@checked("slack_webhook")
@dataclass(frozen=True, slots=True)
class SlackWebhook:
    """An incoming webhook: one channel, one message after the other.

    Make one with :meth:`from_parameter_store` or :meth:`from_secret`.

    Parameters
    ----------
    secret
        Where its URL is kept.

    Notes
    -----
    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    """

    secret: SlackSecret

    @staticmethod
    def from_parameter_store(
        parameter_name: str, *, encryption_key: kms.IKey | None = None
    ) -> SlackWebhook:
        """Read the webhook's URL from a SecureString parameter.

        Parameters
        ----------
        parameter_name
            The parameter's name. It is read when the function needs it, and must be there by then.
        encryption_key
            Its key, where it is a customer managed one.

        Returns
        -------
        SlackWebhook
            The webhook.

        Raises
        ------
        ValueError
            If the name is not one that Parameter Store takes.
        """
        return SlackWebhook(
            SlackSecret.in_parameter_store(parameter_name, encryption_key=encryption_key)
        )

    @staticmethod
    def from_secret(secret: secretsmanager.ISecret) -> SlackWebhook:
        """Read the webhook's URL from Secrets Manager.

        Parameters
        ----------
        secret
            The secret: the URL itself, or a JSON object with it as ``url``.

        Returns
        -------
        SlackWebhook
            The webhook.
        """
        return SlackWebhook(SlackSecret(secret=secret))


@checked("slack_bot")
@dataclass(frozen=True, slots=True)
class SlackBot:
    """A bot: one message a release, brought up to date, with what follows in its thread.

    Make one with :meth:`from_parameter_store` or :meth:`from_secret`. The bot needs the scope
    ``chat:write`` and must be a member of the channel.

    Parameters
    ----------
    secret
        Where its token is kept.
    channel
        The channel's id.

    Raises
    ------
    ValueError
        If the channel is no channel's id.
    """

    secret: SlackSecret
    channel: str

    def __post_init__(self) -> None:
        check_name(
            "channel",
            self.channel,
            pattern=r"[CGD][A-Z0-9]{6,20}",
            maximum=21,
            allowed="a channel's id such as 'C0123456789', which Slack shows at the end of 'View "
            "channel details'",
        )

    @staticmethod
    def from_parameter_store(
        parameter_name: str, *, channel: str, encryption_key: kms.IKey | None = None
    ) -> SlackBot:
        """Read the bot's token from a SecureString parameter.

        Parameters
        ----------
        parameter_name
            The parameter's name.
        channel
            The id of the channel to post to.
        encryption_key
            The parameter's key, where it is a customer managed one.

        Returns
        -------
        SlackBot
            The bot.

        Raises
        ------
        ValueError
            If the name is not one that Parameter Store takes, or the channel no channel's id.
        """
        return SlackBot(
            SlackSecret.in_parameter_store(parameter_name, encryption_key=encryption_key), channel
        )

    @staticmethod
    def from_secret(secret: secretsmanager.ISecret, *, channel: str) -> SlackBot:
        """Read the bot's token from Secrets Manager.

        Parameters
        ----------
        secret
            The secret: the token itself, or a JSON object with it as ``token``.
        channel
            The id of the channel to post to.

        Returns
        -------
        SlackBot
            The bot.

        Raises
        ------
        ValueError
            If the channel is no channel's id.
        """
        return SlackBot(SlackSecret(secret=secret), channel)
