"""A stand-in for Slack: takes what functions post, and shows it.

Incoming webhooks are below ``/_local/slack/services/``, the bot's methods at ``/api/chat.…``. It
answers as https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://docs.slack.dev/reference/methods/chat.postMessage say, also to what Slack would refuse: no
JSON, no text, blocks beyond Block Kit's limits, another webhook's address, a bot without a token or
a channel, a thread that is not there. Every bot's token is taken.
"""

import json
import re
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from local.emulator.block_kit import problems

WEBHOOK: Final = "/_local/slack/services/T00000000/B00000000/local"
"""The path of a webhook."""

_CHANNEL: Final = re.compile(r"[CGD][A-Z0-9]{6,20}")
_METHODS: Final = ("chat.postMessage", "chat.update")
_SHOWN: Final = ("channel", "thread_ts", "reply_broadcast", "text", "blocks", "attachments")


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
        """Return whether a request is for Slack."""
        return path.startswith(("/_local/slack/services/", "/api/chat."))

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages as they stand now, the oldest first."""
        with self._lock:
            return [dict(message) for message in self._messages.values()]

    def refuse(self, times: int, status: int, about: str = "") -> None:
        """Refuse so many requests to come with a status: all, or those with some words in them."""
        with self._lock:
            self._refusals += [(status, about.encode())] * times

    def answer(self, path: str, body: bytes, authorization: str = "") -> Reply:
        """Answer a request, with its header ``Authorization``."""
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
            if not method and path != WEBHOOK:
                return Reply(status=404, content=b"no_service")
            if method and (error := _refused_bot(method, authorization)):
                return _told(method, error)
            if not isinstance(payload, dict):
                return _told(method, "invalid_payload")
            if wrong := problems(payload.get("blocks", [])):
                return _told(method, "invalid_blocks", errors=wrong)
            if error := self._refused(method, payload):
                return _told(method, error)
            shown = {key: payload[key] for key in _SHOWN if key in payload}
            if method == "chat.update":
                ts = payload["ts"]
                self._messages[ts].update(shown)
            else:
                ts = f"{int(time.time())}.{len(self._messages):06}"
                self._messages[ts] = {"ts": ts, **shown}
            more = {"ts": ts, "channel": payload["channel"]} if method else {}
            return _told(method, "", **more)

    def _refused(self, method: str, payload: dict[str, Any]) -> str:
        if not isinstance(payload.get("text"), str) or not payload["text"]:
            return "no_text"
        if method and not _CHANNEL.fullmatch(str(payload.get("channel"))):
            return "channel_not_found"
        if method == "chat.update" and payload.get("ts") not in self._messages:
            return "message_not_found"
        if "thread_ts" in payload and payload["thread_ts"] not in self._messages:
            return "thread_not_found"
        return ""


def _refused_bot(method: str, authorization: str) -> str:
    if method not in _METHODS:
        return "unknown_method"
    if not authorization:
        return "not_authed"
    return "" if authorization.startswith("Bearer xoxb-") else "invalid_auth"


def _told(method: str, error: str, **more: Any) -> Reply:
    if method:
        answer = {"ok": False, "error": error, **more} if error else {"ok": True, **more}
        return Reply(status=200, content=json.dumps(answer).encode())
    return Reply(status=400 if error else 200, content=(error or "ok").encode())
