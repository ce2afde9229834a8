"""A Slack message as a picture: what the channel shows, as SVG.

``python -m local.slack_picture`` draws the one in the README anew, from a message that the
notifier's tests have recorded.
"""

import html
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from local.block_kit import Line, Span, lines_of
from local.cloud import ROOT

PICTURE: Final = ROOT / "docs" / "images" / "slack-message.svg"
MESSAGE: Final = ROOT / "tests/lambda/slack_notifier/golden/pipeline-failed-in-deploy.json"

_WIDTH, _LEFT, _TOP, _LINE = 760, 72, 58, 22
_COLUMN: Final = 260
_CHARACTERS: Final = 88
_GAP: Final = 8
_SANS: Final = "Lato, 'Helvetica Neue', Helvetica, Arial, sans-serif"
_MONO: Final = "Monaco, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_SIGNS: Final = {
    "🔴": "#dd2e44",
    "🟢": "#78b159",
    "🟡": "#fdcb58",
    "🔵": "#55acee",
    "⚪": "#e6e7e8",
}
_INK, _FAINT, _LINK, _RULE = "#1d1c1d", "#616061", "#1264a3", "#dddddd"


def picture(message: Mapping[str, Any]) -> str:
    """Draw a message.

    Parameters
    ----------
    message
        The message as it was posted.

    Returns
    -------
    str
        The SVG document.
    """
    drawn: list[str] = []
    y = float(_TOP)
    for line in lines_of(message):
        y += _GAP if line.starts_block else 0
        for columns in _wrapped(line):
            y += _LINE
            drawn += _row(line, columns, y)
    height = round(y + 24)
    title = html.escape(message["text"], quote=True)
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
                f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{title}">'
            ),
            (
                f'<rect x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8" '
                f'fill="white" stroke="{_RULE}"/>'
            ),
            '<rect x="20" y="20" width="38" height="38" rx="8" fill="#4a154b"/>',
            (
                f'<text x="39" y="46" font-family="{_SANS}" font-size="20" font-weight="700" '
                'fill="white" text-anchor="middle">R</text>'
            ),
            (
                f'<text x="{_LEFT}" y="38" font-family="{_SANS}" font-size="15" font-weight="700" '
                f'fill="{_INK}">Releases</text>'
            ),
            '<rect x="152" y="26" width="32" height="15" rx="3" fill="#ececec"/>',
            (
                f'<text x="168" y="38" font-family="{_SANS}" font-size="10" fill="{_FAINT}" '
                'text-anchor="middle">APP</text>'
            ),
            *drawn,
            "</svg>",
            "",
        ]
    )


def _row(line: Line, columns: Sequence[Sequence[Span]], y: float) -> Iterator[str]:
    left = float(_LEFT)
    if line.kind == "quote":
        yield f'<rect x="{_LEFT}" y="{y - 16:g}" width="4" height="{_LINE}" fill="{_RULE}"/>'
        left += 14
    elif line.kind == "code":
        yield (
            f'<rect x="{_LEFT}" y="{y - 16:g}" width="{_WIDTH - _LEFT - 24}" height="{_LINE}" '
            'fill="#f8f8f8"/>'
        )
        left += 8
    elif line.kind == "title" and (colour := _SIGNS.get(columns[0][0].text[:1])):
        # Not every machine has a font with the signs.
        yield f'<circle cx="{left + 8:g}" cy="{y - 6:g}" r="8" fill="{colour}"/>'
        columns = [[Span(columns[0][0].text[1:].lstrip(), "bold"), *columns[0][1:]]]
        left += 24
    size = {"title": 18, "context": 12, "code": 12}.get(line.kind, 15)
    family = _MONO if line.kind == "code" else _SANS
    for number, column in enumerate(columns):
        spans = "".join(_span(span, line) for span in column)
        if spans:
            yield (
                f'<text x="{left + number * _COLUMN:g}" y="{y:g}" font-family="{family}" '
                f'font-size="{size}" xml:space="preserve">{spans}</text>'
            )


def _span(span: Span, line: Line) -> str:
    ink = _LINK if span.style == "link" else _FAINT if line.kind == "context" else _INK
    weight = ' font-weight="700"' if span.style == "bold" else ""
    return f'<tspan fill="{ink}"{weight}>{html.escape(span.text)}</tspan>'


def _wrapped(line: Line) -> list[list[list[Span]]]:
    if len(line.columns) > 1:
        return [[list(column) for column in line.columns]]
    rows: list[list[Span]] = [[]]
    room = _CHARACTERS
    for span in line.spans:
        for number, part in enumerate(_parts(span.text, room)):
            if number:
                rows.append([])
                room = _CHARACTERS
            # A line that goes on begins without the space that it was broken at.
            rows[-1].append(Span(part.lstrip() if number else part, span.style, span.url))
            room -= len(part)
    return [[row] for row in rows]


def _parts(text: str, room: int) -> list[str]:
    wrapper = textwrap.TextWrapper(
        _CHARACTERS,
        initial_indent=" " * (_CHARACTERS - room),
        drop_whitespace=False,
        break_on_hyphens=False,
    )
    parts = wrapper.wrap(text)
    if parts:
        parts[0] = parts[0][_CHARACTERS - room :]
    return parts


if __name__ == "__main__":
    PICTURE.write_text(picture(json.loads(Path(MESSAGE).read_text())), encoding="utf-8")
