"""What a message shows: of every message that the notifier's tests have recorded."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from local.block_kit import Line, Span, lines_of, spans_of
from local.messages import panel

GOLDEN = sorted((Path(__file__).parents[1] / "lambda/slack_notifier/golden").glob("*.json"))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("plain", [Span("plain")]),
        ("*bold* and &lt;no link&gt;", [Span("bold", "bold"), Span(" and <no link>")]),
        (
            "see <https://x.io/?a=1&amp;b|this &amp; that>.",
            [Span("see "), Span("this & that", "link", "https://x.io/?a=1&b"), Span(".")],
        ),
        ("2 * 3 * 4\n".strip(), [Span("2 "), Span(" 3 ", "bold"), Span(" 4")]),
        ("", []),
    ],
)
def test_mrkdwn_is_taken_apart(text: str, spans: list[Span]) -> None:
    assert spans_of(text) == spans


def test_quotes_and_code_are_lines_of_their_own() -> None:
    text = {"type": "mrkdwn", "text": "*Why*\n> it &amp; that\n```\na < b\n\nc```\nend"}
    lines = list(lines_of({"text": "t", "blocks": [{"type": "section", "text": text}]}))
    assert [(line.kind, "".join(span.text for span in line.spans)) for line in lines] == [
        ("text", "Why"),
        ("quote", "it & that"),
        ("code", "a < b"),
        ("code", ""),
        ("code", "c"),
        ("text", "end"),
    ]
    assert [line.starts_block for line in lines] == [True] + [False] * 5


def test_fields_stand_beside_each_other() -> None:
    fields = [{"text": "*A*\n1"}, {"text": "*B*\n2"}, {"text": "*C*\n3"}]
    lines = list(lines_of({"text": "t", "blocks": [{"type": "section", "fields": fields}]}))
    assert lines[1] == Line("text", [[Span("1")], [Span("2")]])
    assert lines[2].columns == [[Span("C", "bold")]]


def test_a_message_without_blocks_is_its_text() -> None:
    assert list(lines_of({"text": "hello"})) == [Line("text", [[Span("hello")]], starts_block=True)]


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_every_recorded_message_can_be_shown(file: Path) -> None:
    message: dict[str, Any] = json.loads(file.read_text())
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(panel(message))
    shown = console.export_text()
    assert message["blocks"][0]["text"]["text"] in shown
    assert "&amp;" not in shown
    assert "<https:" not in shown
    assert {cell_len(line) <= 100 for line in shown.splitlines()} == {True}


def test_wrapped_lines_keep_what_they_begin_with() -> None:
    text = "> " + "quoted " * 10 + "\n```\n" + "c" * 50 + "\n```\n<https://x.io/a|Page>"
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
    console = Console(width=44, file=io.StringIO(), force_terminal=True, record=True)
    console.print(panel({"text": "t", "blocks": [block]}))
    rows = [row.strip("│ ") for row in console.export_text(clear=False).splitlines()[1:-1]]
    assert rows == [
        "▎ " + "quoted " * 4 + "quoted",
        "▎ " + "quoted " * 4 + "quoted",
        "c" * 38,
        "c" * 12,
        "Page",
    ]
    styled = console.export_text(styles=True)
    assert "https://x.io/a" in styled  # to be followed on a click
    assert styled.count("\x1b[2m▎ \x1b[0mquoted") == 2  # the bar is dim, the text is not
