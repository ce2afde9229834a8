"""Slack in the local cloud: the settings that lead to it, its answers, the picture in the docs."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from local import slack
from local.emulator.slack import WEBHOOK, Reply, Slack
from local.slack_picture import MESSAGE, PICTURE, picture

C = "C0123456789"
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read the settings of the local cloud where cdk.json has these for the monitoring."""

    def read(monitoring: dict[str, Any] | None) -> dict[str, Any]:
        delivery = {"services": []} | ({"monitoring": monitoring} if monitoring else {})
        (tmp_path / "cdk.json").write_text(json.dumps({"context": {"delivery": delivery}}))
        monkeypatch.setattr(slack, "ROOT", tmp_path)
        found: dict[str, Any] = slack.local_settings().get("monitoring", {})
        return found

    return read


def test_successes_are_notified_here_too(settings: Any) -> None:
    added = settings(None)
    assert added["slack"] == {"parameter": "/container-pipelines/local/slack"}
    assert "succeeded" in added["notify_on"]


@pytest.mark.parametrize(
    "chosen",
    [{"slack": {"secret": "slack/bot", "channel": "C0123456789"}}, {"enabled": False}],
)
def test_who_has_chosen_keeps_it(settings: Any, chosen: dict[str, Any]) -> None:
    assert settings(chosen) == chosen


def test_a_chosen_notify_on_is_kept(settings: Any) -> None:
    assert settings({"notify_on": ["failed"]})["notify_on"] == ["failed"]


@pytest.fixture
def workspace() -> Slack:
    return Slack()


def post(workspace: Slack, path: str, payload: Any, bot: str = "xoxb-1") -> Reply:
    authorization = f"Bearer {bot}" if bot else ""
    return workspace.answer(path, json.dumps(payload).encode(), authorization)


def error_of(reply: Reply) -> str | None:
    answer: dict[str, Any] = json.loads(reply.content)
    assert answer["ok"] is ("error" not in answer)
    return answer.get("error")


def test_a_webhook_takes_a_message(workspace: Slack) -> None:
    assert post(workspace, WEBHOOK, {"text": "t", "blocks": BLOCKS}).content == b"ok"
    (message,) = workspace.messages()
    assert (message["text"], message["blocks"]) == ("t", BLOCKS)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"no JSON", b"invalid_payload"),
        (b"[]", b"invalid_payload"),
        (b'{"blocks": []}', b"no_text"),
        (b'{"text": "t", "blocks": ["x"]}', b"invalid_blocks"),
    ],
)
def test_what_slack_would_refuse_is_refused(workspace: Slack, body: bytes, error: bytes) -> None:
    assert workspace.answer(WEBHOOK, body) == Reply(status=400, content=error)
    assert workspace.messages() == []


def test_another_webhook_is_unknown(workspace: Slack) -> None:
    found = post(workspace, WEBHOOK + "x", {"text": "t"})
    assert found == Reply(status=404, content=b"no_service")


def section(text: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def header(text: str, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": "header", "text": {"type": kind, "text": text}}


FIELD = {"type": "mrkdwn", "text": "f"}


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        ([section("s" * 3000), header("h" * 150), {"type": "divider"}], ""),
        ([{"type": "section", "fields": [FIELD] * 10}], ""),
        ([{"type": "context", "elements": [FIELD, {"type": "image", "image_url": "u"}]}], ""),
        (BLOCKS * 50, ""),
        (BLOCKS * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        ("x", "must be an array [json-pointer:/blocks]"),
        ([*BLOCKS, "x"], "missing required field: type [json-pointer:/blocks/1]"),
        ([section("s" * 3001)], "less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        ([section(None)], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        ([header("\U0001f534" * 76)], "less than 151 characters"),
        ([header("h", "mrkdwn")], "a text object of type plain_text [json-pointer:/blocks/0/text]"),
        ([{"type": "section"}], "missing required field: text or fields"),
        ([{"type": "section", "fields": [FIELD] * 11}], "no more than 10 items"),
        ([{"type": "section", "fields": [{**FIELD, "text": "f" * 2001}]}], "less than 2001"),
        ([{"type": "context", "elements": []}], "no fewer than 1 items"),
        ([{"type": "context", "elements": [FIELD] * 11}], "no more than 10 items"),
    ],
)
def test_blocks_have_slacks_limits(workspace: Slack, blocks: Any, problem: str) -> None:
    found = post(workspace, "/api/chat.postMessage", {"text": "t", "channel": C, "blocks": blocks})
    answer = json.loads(found.content)
    assert answer.get("error", "") == ("invalid_blocks" if problem else "")
    assert problem in "".join(answer.get("errors", []))


def test_every_recorded_message_is_taken(workspace: Slack) -> None:
    files = list(MESSAGE.parent.glob("*.json"))
    for file in files:
        assert workspace.answer(WEBHOOK, file.read_bytes()).content == b"ok", file
    assert len(workspace.messages()) == len(files) > 20


def test_a_bot_posts_and_updates(workspace: Slack) -> None:
    posted = post(workspace, "/api/chat.postMessage", {"text": "one", "channel": C})
    ts = json.loads(posted.content)["ts"]
    post(workspace, "/api/chat.postMessage", {"text": "reply", "thread_ts": ts, "channel": C})
    post(workspace, "/api/chat.update", {"text": "two", "ts": ts, "channel": C})
    assert [(m["text"], m.get("thread_ts")) for m in workspace.messages()] == [
        ("two", None),
        ("reply", ts),
    ]


@pytest.mark.parametrize(
    ("method", "payload", "token", "error"),
    [
        ("chat.update", {"text": "x", "ts": "0", "channel": C}, "xoxb-1", "message_not_found"),
        ("chat.postMessage", {"text": "x", "thread_ts": "0", "channel": C}, "xoxb-1", "thread_not"),
        ("chat.postMessage", {"text": "x"}, "xoxb-1", "channel_not_found"),
        ("chat.postMessage", {"text": "x", "channel": C}, "", "not_authed"),
        ("chat.postMessage", {"text": "x", "channel": C}, "xoxp-1", "invalid_auth"),
        ("chat.delete", {"text": "x", "channel": C}, "xoxb-1", "unknown_method"),
    ],
)
def test_a_bots_mistakes(
    workspace: Slack, method: str, payload: dict[str, Any], token: str, error: str
) -> None:
    assert (error_of(post(workspace, f"/api/{method}", payload, token)) or "").startswith(error)
    assert workspace.messages() == []


def test_it_refuses_as_often_as_configured(workspace: Slack) -> None:
    workspace.refuse(1, 429)
    assert post(workspace, WEBHOOK, {"text": "t"}) == Reply(status=429, content=b"", retry_after=1)
    assert post(workspace, WEBHOOK, {"text": "t"}).status == 200
    workspace.refuse(1, 503, "this one")
    assert post(workspace, WEBHOOK, {"text": "another"}).status == 200
    assert post(workspace, WEBHOOK, {"text": "this one"}).status == 503
    assert post(workspace, WEBHOOK, {"text": "this one"}).status == 200


def test_the_picture_in_the_docs_is_the_message_of_today() -> None:
    drawn = picture(json.loads(MESSAGE.read_text()))
    assert PICTURE.read_text(encoding="utf-8") == drawn, "draw it: python -m local.slack_picture"


def test_every_recorded_message_can_be_drawn() -> None:
    for file in MESSAGE.parent.glob("*.json"):
        ET.fromstring(picture(json.loads(file.read_text())))  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("one two", ["one two"]),
        ("word " * 40, 3),
        ("x" * 200, ["x" * 40] * 5),
        ("> " + "quoted " * 30, 3),
        ("```\na  b\n\n" + "c" * 100 + "\n```", ["a  b", "c" * 80, "c" * 20]),
        ("see *" + "bold " * 30 + "*", 2),
    ],
)
def test_rows_of_the_picture_are_as_wide_as_it_is(text: str, rows: list[str] | int) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
    drawn = ET.fromstring(picture({"text": "t", "blocks": [block]}))  # noqa: S314 - our own
    texts = ["".join(part.itertext()) for part in drawn.iter() if part.tag.endswith("}text")][3:]
    if isinstance(rows, int):
        assert len(texts) == rows
        assert "".join(texts).split() == text.replace("> ", "").replace("*", "").split()
    else:
        assert texts == rows
