"""Delivery over real HTTP to a double of Slack that stumbles."""

import copy
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from slack_notifier.secret import SecretError
from slack_notifier.slack import DeliveryError

TOKEN = "xoxb-1234567890-1234567890123-abcdefghijklmnop"
CHANNEL = {"credential": TOKEN, "SLACK_CHANNEL": "C0123456789"}


def replies(*behaviours: str) -> Callable[[str, Any], str]:
    """Give these answers, the last one for ever."""
    left = list(behaviours)
    return lambda path, body: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    ("behaviours", "requests"),
    [
        (["ok"], 1),
        (["500 error", "503 error", "ok"], 3),
        (["garbage", "ok"], 2),
        (["reset", "reset", "ok"], 3),
        (["200 <html>sign in</html>", "ok"], 2),
        (["302 moved", "ok"], 1),
        (["400 invalid_blocks", "ok"], 2),
    ],
)
def test_a_message_is_taken_once(
    behaviours: list[str],
    requests: int,
    event: Callable[[str], Any],
    new_notifier: Callable[..., Any],
    slack: Any,
) -> None:
    slack.behave = replies(*behaviours)
    call = new_notifier()
    if behaviours[0].startswith("302"):
        with pytest.raises(DeliveryError, match="HTTP status 302"):
            call(event("alarm"))
    else:
        call(event("alarm"))
        assert len(slack.taken) == 1
    assert len(slack.requests) == requests


def test_silence_ends_with_the_time_out(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    slack.behave = replies("silence", "ok")
    new_notifier(timeout=0.2)(event("alarm"))
    assert len(slack.taken) == 1


def test_retry_after_is_kept(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any, time: Any
) -> None:
    slack.behave = replies("429 30", "ok")
    new_notifier()(event("alarm"))
    assert 30 in time.slept
    assert len(slack.taken) == 1


@pytest.mark.parametrize("retry_after", ["120", "", "soon", "-5", "9" * 50])
def test_without_time_to_wait_the_event_goes_back_to_its_source(
    retry_after: str,
    event: Callable[[str], Any],
    new_notifier: Callable[..., Any],
    slack: Any,
    time: Any,
) -> None:
    slack.behave = replies(f"429 {retry_after or 'x'}")
    began = time.now
    with pytest.raises(DeliveryError, match="in time: HTTP status 429"):
        new_notifier()(event("alarm"))
    assert time.now - began < 60
    if retry_after == "120":
        assert time.now == began


def test_one_message_a_second(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any, time: Any
) -> None:
    call = new_notifier()
    began = time.now
    for number in range(5):
        call({**event("alarm"), "id": f"event-{number}"})
    assert time.now - began == 4
    assert len(slack.taken) == 5


def test_an_event_is_sent_once_however_often_it_comes(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    call = new_notifier()
    for _ in range(3):
        call(event("alarm"))
    batch = [
        {"eventSource": "aws:sqs", "messageId": "m", "body": json.dumps(event("alarm"))},
        {
            "eventSource": "aws:sqs",
            "messageId": "n",
            "body": json.dumps(
                {
                    "requestContext": {"condition": "RetriesExhausted"},
                    "requestPayload": event("alarm"),
                }
            ),
        },
    ]
    assert call({"Records": batch}) == {"batchItemFailures": []}
    assert len(slack.taken) == 1


def test_a_drift_that_is_put_twice_on_the_bus_is_sent_once(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    call = new_notifier()
    call(event("image-drift"))
    call({**event("image-drift"), "id": "another"})
    call(event("image-drift-over"))
    assert len(slack.posted()) == 2


def test_an_event_whose_answer_was_lost_is_sent_again_and_never_lost(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    """Slack has no key that would let it drop the second: nobody can exclude the double."""
    slack.behave = replies("lost", "ok")
    new_notifier()(event("alarm"))
    assert len(slack.taken) == 2


def test_of_a_batch_only_what_failed_comes_back(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    slack.behave = lambda path, body: "404 no_service" if "bad" in json.dumps(body) else "ok"
    records = [
        {
            "eventSource": "aws:sqs",
            "messageId": f"message-{name}",
            "body": json.dumps({**event("unknown"), "id": name}),
        }
        for name in ("good-1", "bad", "good-2")
    ]
    answer = new_notifier()({"Records": records})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-bad"}]}
    assert len(slack.taken) == 2


def test_an_empty_batch(new_notifier: Callable[..., Any], slack: Any) -> None:
    assert new_notifier()({"Records": []}) is None
    assert slack.requests == []


def test_a_new_secret_is_read_after_a_refusal(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    paths = ["/services/T/B/old", "/services/T/B/new"]
    values = iter(paths)
    slack.behave = lambda path, body: "ok" if path == paths[1] else "403 invalid_token"
    call = new_notifier(
        {"ssm.GetParameter": lambda _: {"Parameter": {"Value": slack.origin + next(values)}}}
    )
    call(event("alarm"))
    assert [path for path, _ in slack.taken] == [paths[1]]
    call(event("alarm-over"))
    assert len(call.aws.asked("ssm.GetParameter")) == 2


def test_a_refusal_is_an_error_without_the_secret(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any, capsys: Any
) -> None:
    slack.behave = replies("404 no_service")
    call = new_notifier()
    with pytest.raises(DeliveryError, match=r"no_service.*check that the webhook") as caught:
        call(event("alarm"))
    assert len(slack.requests) == 1  # the secret is the same: asking again would not help
    assert len(call.aws.asked("ssm.GetParameter")) == 2
    seen = f"{caught.getrepr(style='long', showlocals=False)}" + capsys.readouterr().out
    assert "abcdefghijklmnopqrstuvwx" not in seen


def test_a_secret_of_its_own_never_reaches_slack(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    token = "xoxb-plain"
    url = slack.origin + "/services/T0000000/B0000000/abcdefghijklmnopqrstuvwx"
    alarm = event("alarm")
    alarm["detail"]["state"]["reason"] = f"posted to {url} with {token}"
    new_notifier()(alarm)
    [message] = slack.posted()
    assert "abcdefghijklmnopqrstuvwx" not in json.dumps(message)


@pytest.mark.parametrize("how", ["unreachable", "refused"])
def test_network_errors_name_no_address(
    how: str, event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any, capsys: Any
) -> None:
    if how == "refused":
        slack.behave = replies("reset")
        call = new_notifier()
    else:
        # The port of a server that is gone.
        import socket

        with socket.create_server(("127.0.0.1", 0)) as server:
            origin = f"http://127.0.0.1:{server.getsockname()[1]}"
        call = new_notifier(credential=f"{origin}/services/x", SLACK_TEST_ORIGIN=origin)
    with pytest.raises(DeliveryError, match="in time: ") as caught:
        call(event("alarm"), seconds=10)
    assert (
        "/services/" not in f"{caught.value!r}{caught.value.__cause__!r}" + capsys.readouterr().out
    )


def test_an_unreadable_secret_is_an_error_that_says_so(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], scripted: ModuleType
) -> None:
    call = new_notifier({"ssm.GetParameter": scripted.error("ParameterNotFound")})
    with pytest.raises(SecretError, match=r"cannot be read \(ParameterNotFound\)"):
        call(event("alarm"))


def test_a_bot_keeps_one_thread_for_each_execution(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    call = new_notifier(**CHANNEL, NOTIFY_ON="started,failed,recovered")
    call(event("pipeline-started"))
    call(event("pipeline-failed"))
    call(event("alarm"))
    first, update, reply, other = slack.taken
    assert [path for path, _ in slack.taken] == [
        "/api/chat.postMessage",
        "/api/chat.update",
        "/api/chat.postMessage",
        "/api/chat.postMessage",
    ]
    assert {headers["authorization"] for _, headers, _ in slack.requests} == {f"Bearer {TOKEN}"}
    assert {body["channel"] for _, body in slack.taken} == {"C0123456789"}
    assert "thread_ts" not in first[1]
    assert update[1]["ts"] == reply[1]["thread_ts"] == "1700000000.000001"
    assert reply[1]["reply_broadcast"] is True
    assert "failed" in update[1]["text"]
    assert "thread_ts" not in other[1]


def test_a_bot_whose_message_is_gone_posts_a_new_one(
    event: Callable[[str], Any], new_notifier: Callable[..., Any], slack: Any
) -> None:
    slack.behave = lambda path, body: (
        '200 {"ok":false,"error":"message_not_found"}' if path.endswith("update") else "ok"
    )
    call = new_notifier(**CHANNEL, NOTIFY_ON="started,failed")
    call(event("pipeline-started"))
    call(event("pipeline-failed"))
    assert [("thread_ts" in body) for _, body in slack.taken] == [False, False]


@pytest.mark.parametrize(
    ("answer", "requests", "problem"),
    [
        ('200 {"ok":false,"error":"channel_not_found"}', 1, "channel_not_found"),
        ('200 {"ok":false,"error":"token_revoked"}', 1, "token_revoked"),
        ('200 {"ok":false,"error":"invalid_blocks"}', 2, "invalid_blocks"),
        ('200 {"ok":false,"error":"ratelimited"}', 2, "in time"),
        ('200 {"ok":false,"error":"<script>"}', 2, "in time: HTTP status 200,"),
        ("200 [1]", 2, "in time"),
        ("200 " + "[" * 50_000, 2, "in time"),
    ],
)
def test_a_bots_errors(
    answer: str,
    requests: int,
    problem: str,
    event: Callable[[str], Any],
    new_notifier: Callable[..., Any],
    slack: Any,
) -> None:
    slack.behave = replies(answer)
    with pytest.raises(DeliveryError, match=re.escape(problem)):
        new_notifier(**CHANNEL)(event("alarm"), seconds=4)
    assert len(slack.requests) == requests


def test_a_bot_needs_a_channel(
    event: Callable[[str], Any], new_notifier: Callable[..., Any]
) -> None:
    with pytest.raises(DeliveryError, match="SLACK_CHANNEL"):
        new_notifier(credential=TOKEN)(event("alarm"))


def test_a_thousand_events_through_a_slack_that_stumbles(
    event: Callable[[str], Any],
    new_notifier: Callable[..., Any],
    slack: Any,
    scripted: ModuleType,
    capsys: Any,
) -> None:
    """Each is delivered exactly once or ends in the dead-letter queue, and from there at last.

    Four containers, as many as Lambda may run; what the double does to an event's n-th request
    follows from the seed, the event and n alone, not from the order of threads.
    """
    seed, events, containers = 20261120, 1_000, 4
    attempts: Counter[str] = Counter()
    healthy = threading.Event()

    def behave(_: str, body: Any) -> str:
        name = re.search(r"event (number-\d+)", json.dumps(body))
        assert name
        attempts[name[1]] += 1
        number = int(name[1].removeprefix("number-"))
        if healthy.is_set():
            return "ok"
        chance = random.Random(f"{seed} {number} {attempts[name[1]]}")  # noqa: S311
        if number % 100 == 7:  # Slack has something against these.
            return chance.choice(("404 no_service", "500 error", "429 900"))
        if number in (3, 402) and attempts[name[1]] == 1:
            return "silence"
        return chance.choices(
            ("ok", f"429 {chance.randint(1, 90)}", "500 error", "garbage", "reset"),
            (80, 6, 6, 4, 4),
        )[0]

    slack.behave = behave
    names = ("alarm", "unknown", "ecs-task-out-of-memory", "ecr-scan-critical", "codedeploy-ready")
    recorded = [event(name) for name in names]
    dead: list[Any] = []

    def container(which: int) -> None:
        clock = type(time_of_one)()
        notifier = new_notifier_of(clock)
        for number in range(which, events, containers):
            invocation = {
                **copy.deepcopy(recorded[number % len(recorded)]),
                "id": f"number-{number}",
            }
            for attempt in range(3):  # Lambda: once, and again after one and two minutes
                try:
                    notifier(invocation)
                    if number % 50 == 0:
                        notifier(invocation)  # EventBridge delivers at least once
                    break
                except DeliveryError:
                    clock.now += 60 * (attempt + 1)
            else:
                dead.append(invocation)

    time_of_one, new_notifier_of = _containers(slack, scripted)
    threads = [threading.Thread(target=container, args=(which,)) for which in range(containers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    sent = Counter(_name(body) for body in slack.posted())
    lost = {invocation["id"] for invocation in dead}
    assert set(sent.values()) == {1}
    assert set(sent) | lost == {f"number-{number}" for number in range(events)}
    assert not set(sent) & lost
    assert 10 <= len(lost) <= 80

    healthy.set()
    replay = new_notifier()
    batches = [dead[start : start + 10] for start in range(0, len(dead), 10)]
    for batch in batches:
        records = [
            {"eventSource": "aws:sqs", "messageId": one["id"], "body": json.dumps(one)}
            for one in batch
        ]
        assert replay({"Records": records}) == {"batchItemFailures": []}
    sent = Counter(_name(body) for body in slack.posted())
    assert set(sent.values()) == {1}
    assert len(sent) == events
    assert "abcdefghijklmnopqrstuvwx" not in capsys.readouterr().out


def _name(body: Any) -> str:
    found = re.search(r"event (number-\d+)", json.dumps(body))
    assert found
    return found[1]


def _containers(
    slack: Any, scripted: ModuleType
) -> tuple[Any, Callable[[Any], Callable[[Any], Any]]]:
    import importlib

    conftest = importlib.import_module("tests.lambda.slack_notifier.conftest")
    from slack_notifier.notifier import Notifier
    from slack_notifier.settings import Settings

    settings = Settings.of(
        {
            "SLACK_SECRET": "/slack/webhook",
            "SLACK_TEST_ORIGIN": slack.origin,
            "NOTIFY_ON": "failed,recovered,approval",
        }
    )
    parameter = {"Parameter": {"Value": slack.origin + conftest.WEBHOOK_PATH}}

    def make(clock: Any) -> Callable[[Any], Any]:
        aws = scripted.ScriptedAws({"ssm.GetParameter": parameter})
        notifier = Notifier(
            settings,
            aws,
            monotonic=clock,
            now=lambda: clock.now,
            sleep=clock.sleep,
            # A machine that is busy must not make a second message of an answer that comes late.
            timeout=4,
        )
        return lambda invocation: notifier.handle(invocation, conftest.FakeContext(clock))

    return conftest.FakeTime(), make
