"""A stand-in for Slack: takes what functions post, and shows it.

Incoming webhooks are below ``/_local/slack/services/``, the bot's methods at ``/api/chat.…``. It
answers as https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://docs.slack.dev/reference/methods/chat.postMessage say, also to what Slack would refuse: no
JSON, no text, too many blocks. Tokens are taken as they are.
"""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

WEBHOOK: Final = "/_local/slack/services/T00000000/B00000000/local"
"""The path of a webhook."""

_METHODS: Final = ("chat.postMessage", "chat.update")
_MOST_BLOCKS: Final = 50
_TOLD: Final = ("channel", "thread_ts", "reply_broadcast", "text", "blocks", "attachments")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    content: bytes
    retry_after: int | None = None


class Slack:
    """One workspace."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: dict[str, dict[str, Any]] = {}
        self._refusals: list[tuple[int, bytes]] = []

    @staticmethod
    def is_asked(path: str) -> bool:
        """Tell whether a request is for Slack."""
        return path.startswith(("/_local/slack/services/", "/api/chat."))

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages as they stand now, the oldest first."""
        with self._lock:
            return [dict(message) for message in self._messages.values()]

    def refuse(self, times: int, status: int, about: str = "") -> None:
        """Refuse so many requests to come with a status: all, or those with some words in them."""
        with self._lock:
            self._refusals += [(status, about.encode())] * times

    def answer(self, path: str, body: bytes) -> Reply:
        """Answer a request."""
        method = path.removeprefix("/api/") if path.startswith("/api/") else ""
        with self._lock:
            for refusal in self._refusals:
                status, about = refusal
                if about in body:
                    self._refusals.remove(refusal)
                    return Reply(
                        status=status, content=b"", retry_after=1 if status == 429 else None
                    )
            try:
                payload = json.loads(body)
            except ValueError:
                payload = None
            if method and method not in _METHODS:
                return _told(method, "unknown_method")
            if not isinstance(payload, dict):
                return _told(method, "invalid_payload")
            if error := _refused(payload):
                return _told(method, error)
            told = {key: payload[key] for key in _TOLD if key in payload}
            if method == "chat.update":
                ts = str(payload.get("ts"))
                if ts not in self._messages:
                    return _told(method, "message_not_found")
                self._messages[ts].update(told)
            else:
                ts = f"{int(time.time())}.{len(self._messages):06}"
                self._messages[ts] = {"ts": ts, **told}
            return _told(method, "", ts=ts)


def _refused(payload: dict[str, Any]) -> str:
    if not isinstance(payload.get("text"), str) or not payload["text"]:
        return "no_text"
    blocks = payload.get("blocks", [])
    if not isinstance(blocks, list) or len(blocks) > _MOST_BLOCKS:
        return "invalid_blocks"
    if not all(isinstance(block, dict) and block.get("type") for block in blocks):
        return "invalid_blocks"
    return ""


def _told(method: str, error: str, **more: Any) -> Reply:
    if method:
        answer = {"ok": False, "error": error} if error else {"ok": True, **more}
        return Reply(status=200, content=json.dumps(answer).encode())
    return Reply(status=400 if error else 200, content=(error or "ok").encode())
