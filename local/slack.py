"""Slack in the local cloud: the secret for its stand-in, and the messages posted there."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from local.clients import clients
from local.cloud import ROOT
from local.emulator.slack import WEBHOOK

_PARAMETER: Final = "/container-pipelines/local/slack"
_TOKEN: Final = "xoxb-local-" + "0" * 12
_NOTIFY_ON: Final = ["failed", "recovered", "approval", "succeeded"]


def local_settings() -> dict[str, Any]:
    """Return the app's settings with Slack in them.

    Settings that have Slack already, or monitoring turned off, stay as they are, and so does
    ``notify_on`` if it is set.

    Returns
    -------
    dict
        The object ``context.delivery`` of ``cdk.json``.
    """
    settings: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]["delivery"]
    monitoring = settings.get("monitoring", {})
    if "slack" in monitoring or monitoring.get("enabled") is False:
        return settings
    added = {"notify_on": _NOTIFY_ON, **monitoring, "slack": {"parameter": _PARAMETER}}
    return {**settings, "monitoring": added}


def put_secret(endpoint: str, settings: Mapping[str, Any]) -> None:
    """Put the secret that the settings name: a webhook's URL, or a bot's token for a channel.

    Parameters
    ----------
    endpoint
        The address of the local cloud.
    settings
        The app's settings.
    """
    slack = settings.get("monitoring", {}).get("slack")
    if not slack:
        return
    value = _TOKEN if "channel" in slack else endpoint + WEBHOOK
    client = clients(endpoint)
    if "parameter" in slack:
        client("ssm").put_parameter(
            Name=slack["parameter"], Value=value, Type="SecureString", Overwrite=True
        )
    else:
        client("secretsmanager").create_secret(Name=slack["secret"], SecretString=value)


def posted(endpoint: str) -> list[dict[str, Any]]:
    """Return the messages that Slack would show now, the oldest first.

    Parameters
    ----------
    endpoint
        The address of the local cloud.
    """
    with urllib.request.urlopen(f"{endpoint}/_local/slack") as answer:  # noqa: S310 - loopback
        messages: list[dict[str, Any]] = json.load(answer)["messages"]
    return messages
