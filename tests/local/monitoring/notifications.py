"""The notifications that Slack gets."""

from typing import Any

from local.block_kit import lines_of
from local.slack import posted
from tests.local.emulator.driver import eventually

PIPELINE = "my-container-app"
_SECONDS = 60.0


def shown(message: dict[str, Any]) -> str:
    """Return all that a message shows, and where its links lead."""
    return "\n".join(
        "".join(f"{span.text} {span.url} " for span in line.spans) for line in lines_of(message)
    )


class Notifications:
    """The notifications from some moment on.

    Parameters
    ----------
    endpoint
        The address of the local cloud.
    channel
        The bot's channel; by default that of the webhook, which has no name here.
    """

    def __init__(self, endpoint: str, channel: str | None = None) -> None:
        self._endpoint = endpoint
        self._channel = channel
        self._known = len(posted(endpoint))

    def messages(self, words: str = "") -> list[dict[str, Any]]:
        """Return the messages with some words in their first line, as they stand now."""
        return [
            message
            for message in posted(self._endpoint)[self._known :]
            if message.get("channel") == self._channel and words in message["text"]
        ]

    def first(self, words: str) -> dict[str, Any]:
        """Wait for a message with some words in its first line."""
        found: list[dict[str, Any]] = eventually(lambda: self.messages(words), _SECONDS)
        return found[0]
