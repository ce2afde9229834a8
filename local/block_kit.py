"""What a Slack message shows, line by line.

As much of https://docs.slack.dev/reference/block-kit/blocks and of
https://docs.slack.dev/messaging/formatting-message-text as the notifier uses: headers, sections
with text or fields, contexts; bold, links, quotes and code.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["title", "text", "quote", "code", "context"]
Style = Literal["plain", "bold", "link"]

_INLINE: Final = re.compile(r"\*(?P<bold>[^*\n]+)\*|<(?P<url>[^<>|\n]+)\|(?P<link>[^<>|\n]+)>")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one style; ``url`` is where a link leads."""

    text: str
    style: Style = "plain"
    url: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a message.

    Attributes
    ----------
    kind
        What it is part of.
    columns
        Its spans; two columns where fields stand beside each other.
    starts_block
        Whether a new block begins here.
    """

    kind: Kind
    columns: Sequence[Sequence[Span]]
    starts_block: bool = False

    @property
    def spans(self) -> list[Span]:
        """All spans of the line."""
        return [span for column in self.columns for span in column]


def lines_of(message: Mapping[str, Any]) -> Iterator[Line]:
    """Return the lines of a message.

    Parameters
    ----------
    message
        The message as it was posted.

    Yields
    ------
    Line
        One after the other.
    """
    if "blocks" not in message:
        yield from _text("text", message["text"])
        return
    for block in message["blocks"]:
        match block["type"]:
            case "header":
                yield Line("title", [[Span(block["text"]["text"], "bold")]], starts_block=True)
            case "section" if "fields" in block:
                yield from _fields([field["text"] for field in block["fields"]])
            case "section":
                yield from _text("text", block["text"]["text"])
            case "context":
                yield from _text("context", "  ".join(e["text"] for e in block["elements"]))


def spans_of(text: str) -> list[Span]:
    """Take a line of mrkdwn apart.

    Parameters
    ----------
    text
        The line.

    Returns
    -------
    list of Span
        Its pieces.
    """
    spans, end = [], 0
    for found in _INLINE.finditer(text):
        spans.append(Span(html.unescape(text[end : found.start()])))
        if found["bold"]:
            spans.append(Span(html.unescape(found["bold"]), "bold"))
        else:
            link = html.unescape(found["link"]), html.unescape(found["url"])
            spans.append(Span(link[0], "link", link[1]))
        end = found.end()
    spans.append(Span(html.unescape(text[end:])))
    return [span for span in spans if span.text]


def _text(kind: Kind, text: str) -> Iterator[Line]:
    in_code, first = False, True
    for line in text.split("\n"):
        if line.startswith("```") or line.endswith("```"):
            content = line.strip("`")
            if content:
                yield Line("code", [[Span(html.unescape(content))]], starts_block=first)
                first = False
            in_code = not in_code if line.count("```") == 1 else in_code
            continue
        if in_code:
            yield Line("code", [[Span(html.unescape(line))]], starts_block=first)
        elif line.startswith("> "):
            yield Line("quote", [spans_of(line[2:])], starts_block=first)
        else:
            yield Line(kind, [spans_of(line)], starts_block=first)
        first = False


def _fields(fields: Sequence[str]) -> Iterator[Line]:
    for left in range(0, len(fields), 2):
        pair = [field.split("\n") for field in fields[left : left + 2]]
        for row in range(max(map(len, pair))):
            columns = [spans_of(field[row]) if row < len(field) else [] for field in pair]
            yield Line("text", columns, starts_block=row == 0)
