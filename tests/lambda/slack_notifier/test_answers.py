"""What each answer of Slack leads to, in Slack's own lists.

https://docs.slack.dev/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks
https://docs.slack.dev/reference/methods/chat.postMessage
https://docs.slack.dev/reference/methods/chat.update
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from slack_notifier.slack import DeliveryError

TOKENS = ("xoxb-1234567890-aaaaaaaaaaaa", "xoxb-1234567890-bbbbbbbbbbbb")
HOOKS = ("/services/T/B/aaaaaaaaaaaa", "/services/T/B/bbbbbbbbbbbb")

AGAIN, NEW_SECRET, PLAIN, REFUSED = "again", "with the new secret", "as plain text", "refused"

WEBHOOK = [
    *((f"{status} {word}", AGAIN) for status in (408, 500, 502, 503, 504) for word in ("", "x y")),
    ("200 <html>", AGAIN),
    ("200 okay", AGAIN),
    ("429 1", AGAIN),
    ("500 rollup_error", AGAIN),
    ("500 internal_error", AGAIN),
    ("400 rate_limited", AGAIN),
    *((f"{status} gone", NEW_SECRET) for status in (401, 403, 404, 410)),
    ("403 action_prohibited", NEW_SECRET),
    ("404 channel_not_found", NEW_SECRET),
    ("410 channel_is_archived", NEW_SECRET),
    *(
        (f"400 {code}", NEW_SECRET)
        for code in (
            "invalid_token",
            "no_active_hooks",
            "no_service",
            "no_service_id",
            "no_team",
            "team_disabled",
        )
    ),
    ("400 invalid_payload", PLAIN),
    ("400 invalid_blocks", PLAIN),
    ("400 invalid_blocks_format", PLAIN),
    ("400 user_not_found", REFUSED),
    ("400 no_text", REFUSED),
    ("400 too_many_attachments", REFUSED),
    *((f"{status} x", REFUSED) for status in (201, 204, 301, 302, 307, 400, 405, 406, 413, 415)),
]
BOT = [
    *(
        (code, AGAIN)
        for code in (
            "fatal_error",
            "internal_error",
            "message_limit_exceeded",
            "rate_limited",
            "ratelimited",
            "request_timeout",
            "rollup_error",
            "service_unavailable",
            "team_added_to_org",
        )
    ),
    *(
        (code, NEW_SECRET)
        for code in (
            "account_inactive",
            "invalid_auth",
            "not_authed",
            "token_expired",
            "token_revoked",
        )
    ),
    *((code, PLAIN) for code in ("invalid_blocks", "msg_blocks_too_long", "msg_too_long")),
    *(
        (code, REFUSED)
        for code in (
            "access_denied",
            "cannot_reply_to_message",
            "channel_not_found",
            "ekm_access_denied",
            "invalid_arguments",
            "is_archived",
            "message_not_found",
            "missing_scope",
            "no_permission",
            "no_text",
            "not_in_channel",
            "org_login_required",
            "restricted_action",
            "too_many_attachments",
        )
    ),
]


def then_ok(answer: str) -> Callable[[str, Any], str]:
    left: Iterator[str] = iter([answer])
    return lambda path, body: next(left, "ok")


def failed(code: str) -> str:
    return "200 " + json.dumps({"ok": False, "error": code})


@pytest.fixture
def tell(event: Callable[[str], Any], new_notifier: Callable[..., Any]) -> Callable[..., Any]:
    """Tell of an alarm, with a secret that is another one when it is read again."""

    def tell(*secrets: str, **environment: str) -> Any:
        values = iter(secrets)
        notifier = new_notifier(
            {"ssm.GetParameter": lambda _: {"Parameter": {"Value": next(values)}}}, **environment
        )
        notifier(event("alarm"))
        return notifier

    return tell


def expect(
    outcome: str, tell: Callable[[], Any], slack: Any, time: Any, secrets: list[str], used: Any
) -> None:
    """Compare the second request with the first."""
    if outcome == REFUSED:
        with pytest.raises(DeliveryError, match="Slack refuses the message: HTTP status"):
            tell()
        assert len(slack.requests) == 1
        return
    tell()
    assert len(slack.taken) == 1
    first, second = slack.requests
    assert [used(first), used(second)] == (secrets if outcome == NEW_SECRET else [secrets[0]] * 2)
    expected = dict(first[2])
    if outcome == PLAIN:
        del expected["blocks"]
    assert second[2] == expected
    # What is wrong with the message or the secret is not better later; all else is.
    least = 0.25 if outcome == AGAIN else 0
    assert sum(time.slept) >= max(least, 1)


@pytest.mark.parametrize(("answer", "outcome"), WEBHOOK)
def test_a_webhooks_answers(
    answer: str, outcome: str, tell: Callable[..., Any], slack: Any, time: Any
) -> None:
    slack.behave = then_ok(answer)
    urls = [slack.origin + path for path in HOOKS]
    expect(outcome, lambda: tell(*urls), slack, time, list(HOOKS), lambda request: request[0])


@pytest.mark.parametrize(("code", "outcome"), BOT)
def test_a_bots_answers(
    code: str, outcome: str, tell: Callable[..., Any], slack: Any, time: Any
) -> None:
    slack.behave = then_ok(failed(code))
    expect(
        outcome,
        lambda: tell(*TOKENS, SLACK_CHANNEL="C0123456789"),
        slack,
        time,
        [f"Bearer {token}" for token in TOKENS],
        lambda request: request[1]["authorization"],
    )


@pytest.mark.parametrize("answer", ["500 x", "503 x", "408 x", "429 1", "200 x", '200 {"ok": "1"}'])
def test_a_bots_request_is_repeated_by_its_status_too(
    answer: str, tell: Callable[..., Any], slack: Any
) -> None:
    slack.behave = then_ok(answer)
    tell(*TOKENS, SLACK_CHANNEL="C0123456789")
    assert len(slack.requests) == 2


@pytest.mark.parametrize(
    "code",
    [
        "cannot_reply_to_message",
        "cant_update_message",
        "edit_window_closed",
        "message_not_found",
        "thread_not_found",
    ],
)
@pytest.mark.parametrize("gone", ["chat.update", "chat.postMessage"])
def test_a_message_that_is_gone_is_posted_anew(
    code: str, gone: str, event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    """Whether Slack says so of the update or of the reply to it."""
    slack.behave = lambda path, body: (
        failed(code) if path.endswith(gone) and ("ts" in body or "thread_ts" in body) else "ok"
    )
    call = new_notifier(
        credential=TOKENS[0], SLACK_CHANNEL="C0123456789", NOTIFY_ON="started,failed"
    )
    call(event("pipeline-started"))
    call(event("pipeline-failed"))
    path, body = slack.taken[-1]
    assert (path, "thread_ts" in body) == ("/api/chat.postMessage", False)
    assert "failed" in body["text"]


def test_a_secret_is_read_again_once(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    """A secret that is another one at each reading would be asked for without an end."""
    slack.behave = lambda path, body: "403 invalid_token"
    values = (f"{slack.origin}/services/{number}" for number in range(100))
    call = new_notifier({"ssm.GetParameter": lambda _: {"Parameter": {"Value": next(values)}}})
    with pytest.raises(DeliveryError, match=r"HTTP status 403 \(invalid_token\)"):
        call(event("alarm"))
    assert len(slack.requests) == 2


def test_blocks_are_left_out_once(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    slack.behave = lambda path, body: "400 invalid_blocks"
    with pytest.raises(DeliveryError, match="invalid_blocks"):
        new_notifier()(event("alarm"))
    assert ["blocks" in body for _, _, body in slack.requests] == [True, False]


@pytest.mark.parametrize("words", ["<!channel>", "not a code", "x" * 60, "caf\u00e9"])
def test_slacks_words_are_repeated_only_where_they_are_a_code(
    words: str, event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    slack.behave = lambda path, body: f"400 {words}"
    with pytest.raises(DeliveryError, match="HTTP status 400;") as caught:
        new_notifier()(event("alarm"))
    assert words not in str(caught.value)


class Pool:
    """Notes how long each request may take, and lets none through."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.timeouts: list[tuple[float, float]] = []

    def request(self, _method: str, _url: str, **options: Any) -> Any:
        timeout = options["timeout"]
        self.timeouts.append((timeout.connect_timeout, timeout.total))
        raise urllib3.exceptions.ReadTimeoutError(Pool, "/", "too long")  # type: ignore[arg-type]


def test_a_request_takes_no_longer_than_is_left(
    event: Callable[[str], Any],
    new_notifier: Callable[..., Any],
    time: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pools: list[Pool] = []

    def make(**options: Any) -> Pool:
        pools.append(Pool(**options))
        return pools[-1]

    monkeypatch.setattr(urllib3, "PoolManager", make)
    ends = time.now + 18.0  # of 20 seconds two are kept, to return
    began: list[float] = []
    monkeypatch.setattr(
        Pool,
        "request",
        lambda self, *arguments, _request=Pool.request, **options: (
            began.append(time.now) or _request(self, *arguments, **options)
        ),
    )
    with pytest.raises(DeliveryError, match="in time: ReadTimeoutError, after"):
        new_notifier(timeout=5.0)(event("alarm"), seconds=20)
    (pool,) = pools
    assert pool.options == {"num_pools": 1, "retries": False}
    assert len(pool.timeouts) > 3
    left = [ends - then for then in began]
    assert pool.timeouts == [(min(2.0, seconds), min(5.0, seconds)) for seconds in left]
