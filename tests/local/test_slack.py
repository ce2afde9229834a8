"""Slack in the local cloud: the settings that lead to it, its answers, the picture in the docs."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from local import slack
from local.emulator.slack import WEBHOOK, Reply, Slack
from local.slack_picture import MESSAGE, PICTURE, picture

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


def test_slack_is_told_here_of_successes_too(settings: Any) -> None:
    added = settings(None)
    assert added["slack"] == {"parameter": "/container-pipelines/local/slack"}
    assert "succeeded" in added["news"]


@pytest.mark.parametrize(
    "chosen",
    [{"slack": {"secret": "slack/bot", "channel": "C0123456789"}}, {"enabled": False}],
)
def test_who_has_chosen_keeps_it(settings: Any, chosen: dict[str, Any]) -> None:
    assert settings(chosen) == chosen


def test_chosen_news_are_kept(settings: Any) -> None:
    assert settings({"news": ["failed"]})["news"] == ["failed"]


@pytest.fixture
def workspace() -> Slack:
    return Slack()


def post(workspace: Slack, path: str, payload: Any) -> Reply:
    return workspace.answer(path, json.dumps(payload).encode())


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
        (json.dumps({"text": "t", "blocks": BLOCKS * 51}).encode(), b"invalid_blocks"),
        (b'{"text": "t", "blocks": ["x"]}', b"invalid_blocks"),
    ],
)
def test_what_slack_would_refuse_is_refused(workspace: Slack, body: bytes, error: bytes) -> None:
    assert workspace.answer(WEBHOOK, body) == Reply(status=400, content=error)
    assert workspace.messages() == []


def test_a_bot_posts_and_updates(workspace: Slack) -> None:
    posted = post(workspace, "/api/chat.postMessage", {"text": "one", "channel": "C1"})
    ts = json.loads(posted.content)["ts"]
    post(workspace, "/api/chat.postMessage", {"text": "reply", "thread_ts": ts})
    post(workspace, "/api/chat.update", {"text": "two", "ts": ts})
    assert [(m["text"], m.get("thread_ts")) for m in workspace.messages()] == [
        ("two", None),
        ("reply", ts),
    ]
    lost = post(workspace, "/api/chat.update", {"text": "x", "ts": "0"})
    assert json.loads(lost.content) == {"ok": False, "error": "message_not_found"}
    unknown = post(workspace, "/api/chat.delete", {"text": "x"})
    assert json.loads(unknown.content)["error"] == "unknown_method"


def test_it_refuses_as_often_as_it_is_told(workspace: Slack) -> None:
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
