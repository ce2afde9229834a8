"""Delivers messages to Slack: over an incoming webhook, or as a bot in a thread a release.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://docs.slack.dev/reference/methods/chat.postMessage
https://docs.slack.dev/apis/web-api/rate-limits
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from slack_notifier.log import WARNING, log
from slack_notifier.message import Message
from slack_notifier.redact import HIDDEN
from slack_notifier.secret import Credential, SecretReader
from slack_notifier.state import State

_API: Final = "https://slack.com/api"
_PACE: Final = 1.0
_LONGEST_BACKOFF: Final = 8.0
# An answer of Slack is a word or a small object; the rest of anything longer is not read.
_LONGEST_ANSWER: Final = 65_536


class DeliveryError(Exception):
    """The message has not been delivered. The event source retries it, then keeps it."""


class _Verdict(Enum):
    DELIVERED = auto()
    RETRY = auto()
    UNAUTHORISED = auto()
    BAD_BLOCKS = auto()
    MESSAGE_GONE = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class _Answer:
    verdict: _Verdict
    reason: str
    wait: float = 0.0
    content: dict[str, Any] = field(default_factory=dict)


# Of the web API, and of webhooks: https://docs.slack.dev/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks
_ERRORS: Final = {
    code: verdict
    for verdict, codes in {
        _Verdict.UNAUTHORISED: "invalid_auth not_authed account_inactive token_revoked "
        "token_expired invalid_token no_service no_service_id no_team team_disabled "
        "no_active_hooks",
        _Verdict.RETRY: "ratelimited rate_limited message_limit_exceeded internal_error "
        "fatal_error service_unavailable request_timeout team_added_to_org rollup_error",
        _Verdict.BAD_BLOCKS: "invalid_blocks invalid_blocks_format invalid_payload "
        "msg_blocks_too_long msg_too_long",
        _Verdict.MESSAGE_GONE: "message_not_found thread_not_found cant_update_message "
        "edit_window_closed cannot_reply_to_message",
    }.items()
    for code in codes.split()
}


class Slack:
    """Delivers to one channel.

    Parameters
    ----------
    secret
        Reads the webhook's URL or the bot's token.
    channel
        The id of the bot's channel.
    clock
        Seconds on a clock that never goes back.
    sleep
        Waits for so many seconds.
    timeout
        Seconds to connect, and to wait for an answer.
    test_origin
        Where to send instead of Slack; ``""`` for Slack.
    """

    def __init__(
        self,
        secret: SecretReader,
        *,
        channel: str = "",
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        timeout: float = 5.0,
        test_origin: str = "",
    ) -> None:
        self._secret = secret
        self._channel = channel
        self._clock = clock
        self._sleep = sleep
        self._timeout = timeout
        self._api = f"{test_origin}/api" if test_origin else _API
        self._next = 0.0
        self._http: Any = None

    def deliver(self, message: Message, execution: str, state: State, deadline: float) -> None:
        """Deliver a message, however often Slack stumbles, until the deadline.

        Parameters
        ----------
        message
            The message.
        execution
            What a bot keeps one thread for; ``""`` for a message on its own.
        state
            Keeps the threads.
        deadline
            When to give up, on the clock.

        Raises
        ------
        DeliveryError
            If Slack has not taken it.
        SecretError
            If there is no usable secret.
        """
        if not self._secret.read().is_token:
            self._send("", message, {}, deadline)
            return
        if not self._channel:
            raise DeliveryError(
                "The secret holds a bot's token and 'SLACK_CHANNEL' is not set; set it to the "
                "channel's id, or store a webhook's URL instead"
            )
        thread = state.thread(execution) if execution else ""
        # The update first: repeating it does no harm, repeating the reply would.
        if thread and self._send("chat.update", message, {"ts": thread}, deadline) is not None:
            reply = {"thread_ts": thread, "reply_broadcast": message.urgent}
            if self._send("chat.postMessage", message, reply, deadline) is not None:
                return
        posted = self._send("chat.postMessage", message, {}, deadline) or {}
        if execution and isinstance(ts := posted.get("ts"), str):
            state.remember_thread(execution, ts)

    def _send(
        self, method: str, message: Message, extra: dict[str, Any], deadline: float
    ) -> dict[str, Any] | None:
        """Send until it is delivered; ``None`` if what it refers to is gone."""
        plain = reread = False
        attempt = 0
        while True:
            self._wait_for_turn(deadline)
            answer = self._try(method, message.payload(plain=plain) | extra, deadline)
            match answer.verdict:
                case _Verdict.DELIVERED:
                    return answer.content
                case _Verdict.MESSAGE_GONE if extra:
                    return None
                case _Verdict.BAD_BLOCKS if not plain:
                    log(
                        WARNING,
                        "Slack refuses the blocks; sending plain text",
                        reason=answer.reason,
                    )
                    plain = True
                    continue
                case _Verdict.UNAUTHORISED if not reread and self._secret.read_again():
                    log(WARNING, "Slack refused the secret; it has been read again")
                    reread = True
                    continue
                case _Verdict.RETRY:
                    wait = max(answer.wait or _backoff(attempt), self._next - self._clock())
                    attempt += 1
                    if self._clock() + wait >= deadline:
                        raise DeliveryError(
                            f"Slack did not take the message in time: {answer.reason}, after "
                            f"{attempt} attempts; it is retried"
                        )
                    self._sleep(wait)
                case _:
                    raise DeliveryError(
                        f"Slack refuses the message: {answer.reason}; check that the webhook or "
                        f"token is valid, that the channel exists, and that the bot is in it"
                    )

    def _wait_for_turn(self, deadline: float) -> None:
        wait = self._next - self._clock()
        if wait > 0:
            if self._clock() + wait >= deadline:
                raise DeliveryError("No time is left to keep Slack's pace; the message is retried")
            self._sleep(wait)
        self._next = self._clock() + _PACE

    def _try(self, method: str, payload: dict[str, Any], deadline: float) -> _Answer:
        import urllib3  # not for events that send nothing

        credential = self._secret.read()
        body = _encode(payload | ({"channel": self._channel} if method else {}), credential)
        if self._http is None:
            self._http = urllib3.PoolManager(num_pools=1, retries=False)
        url, authorization = _target(credential, method, self._api)
        left = max(0.1, deadline - self._clock())
        timeout = urllib3.Timeout(connect=min(2.0, self._timeout), total=min(self._timeout, left))
        try:
            response = self._http.request(
                "POST",
                url,
                body=body,
                # A container sleeps between events: a kept connection would be dead, and a reset
                # on it cannot be distinguished from one after the message was accepted.
                headers={
                    "Content-Type": "application/json; charset=utf-8",
                    "Connection": "close",
                    **authorization,
                },
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
            try:
                content = response.read(_LONGEST_ANSWER)
            finally:
                response.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # The error's own text has the URL in it.
            return _Answer(_Verdict.RETRY, type(error).__name__)
        return _judge(response.status, response.headers.get("Retry-After", ""), content, method)


def _encode(payload: dict[str, Any], credential: Credential) -> bytes:
    # ASCII escapes: no text can break the encoding. The last line of defence of the secret.
    return json.dumps(payload).replace(credential.reveal(), HIDDEN).encode()


def _target(credential: Credential, method: str, api: str) -> tuple[str, dict[str, str]]:
    if not method:
        return credential.reveal(), {}
    return f"{api}/{method}", {"Authorization": f"Bearer {credential.reveal()}"}


def _judge(status: int, retry_after: str, content: bytes, method: str) -> _Answer:
    """Say what an answer means. Slack's own words are kept only where they are error codes."""
    text = content.decode("utf-8", "replace").strip()
    answer: dict[str, Any] = {}
    if method:
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        answer = parsed if isinstance(parsed, dict) else {}
        delivered, code = answer.get("ok") is True, str(answer.get("error", ""))
    else:
        delivered, code = text == "ok", "" if status == 200 else text
    code = code if code.isascii() and code.replace("_", "").isalnum() and len(code) < 60 else ""
    reason = f"HTTP status {status}" + (f" ({code})" if code else "")
    if status == 200 and delivered:
        return _Answer(_Verdict.DELIVERED, reason, content=answer)
    if status == 429:
        seconds = float(retry_after) if retry_after.isdecimal() and len(retry_after) < 6 else 0.0
        return _Answer(_Verdict.RETRY, reason, wait=seconds)
    if code in _ERRORS:
        return _Answer(_ERRORS[code], reason)
    if status >= 500 or status == 408 or (status == 200 and not code):
        return _Answer(_Verdict.RETRY, reason)
    if status in (401, 403, 404, 410):
        return _Answer(_Verdict.UNAUTHORISED, reason)
    return _Answer(_Verdict.REFUSED, reason)


def _backoff(attempt: int) -> float:
    ceiling = min(_LONGEST_BACKOFF, 0.5 * 2.0 ** min(attempt, 10))
    return ceiling / 2 + random.uniform(0, ceiling / 2)  # noqa: S311 - spreads retries, no more
