"""A Slack message as a picture: what the channel shows, as SVG.

``python -m local.slack_picture`` draws the one in the README anew, from a message that the
notifier's tests have recorded.
"""

import html
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local.block_kit import Kind, Line, Span, lines_of
from local.cloud import ROOT

PICTURE: Final = ROOT / "docs" / "images" / "slack-message.svg"
MESSAGE: Final = ROOT / "tests/lambda/slack_notifier/golden/pipeline-failed-at-docker-hub.json"

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 72, 24, 52, 20
_COLUMN: Final = 320
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
_INK, _FAINT, _LINK, _RULE, _SHADE = "#1d1c1d", "#616061", "#1264a3", "#dddddd", "#f8f8f8"


@dataclass(frozen=True, slots=True)
class _Look:
    """Sizes in pixels: of the letters, of a row, and how far its text is moved in."""

    size: int = 15
    row: int = 22
    indent: int = 0


_LOOKS: Final[Mapping[Kind, _Look]] = {
    "title": _Look(size=18, row=26, indent=24),
    "text": _Look(),
    "quote": _Look(indent=14),
    "code": _Look(size=12, row=18, indent=9),
    "context": _Look(size=12, row=18),
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the picture; ``top`` is its upper edge."""

    kind: Kind
    columns: Sequence[Sequence[Span]]
    top: float


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
    rows = list(_rows(lines_of(message)))
    height = round(rows[-1].top + _LOOKS[rows[-1].kind].row + _BOTTOM)
    drawn = [
        part
        for kind, run in itertools.groupby(rows, key=lambda row: row.kind)
        for part in _run(kind, list(run))
    ]
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
                f'<text x="168" y="37" font-family="{_SANS}" font-size="10" fill="{_FAINT}" '
                'text-anchor="middle">APP</text>'
            ),
            *drawn,
            "</svg>",
            "",
        ]
    )


def _rows(lines: Iterable[Line]) -> Iterator[_Row]:
    top, before = float(_TOP), None
    for line in lines:
        look = _LOOKS[line.kind]
        # Code has an edge around it.
        beside_code = line.kind != before and "code" in (line.kind, before)
        top += _GAP * (line.starts_block + beside_code / 2) if before else 0
        before = line.kind
        for columns in _wrapped(line, _WIDTH - _LEFT - _RIGHT - 2 * look.indent):
            yield _Row(line.kind, columns, top)
            top += look.row


def _run(kind: Kind, rows: Sequence[_Row]) -> Iterator[str]:
    """Draw rows of one kind that follow each other."""
    look, last = _LOOKS[kind], 0
    for number, row in enumerate(rows, start=1):
        # A gap between two rows ends what stands behind them.
        if number == len(rows) or rows[number].top > row.top + look.row:
            yield from _behind(kind, rows[last].top, row.top + look.row)
            last = number
    for row in rows:
        yield from _text(row, look)


def _behind(kind: Kind, top: float, bottom: float) -> Iterator[str]:
    if kind == "quote":
        yield (
            f'<rect x="{_LEFT}" y="{top:g}" width="4" height="{bottom - top:g}" rx="2" '
            f'fill="{_RULE}"/>'
        )
    elif kind == "code":
        yield (
            f'<rect x="{_LEFT + 0.5}" y="{top - 3.5:g}" width="{_WIDTH - _LEFT - _RIGHT - 1}" '
            f'height="{bottom - top + 7:g}" rx="4" fill="{_SHADE}" stroke="{_RULE}"/>'
        )


def _text(row: _Row, look: _Look) -> Iterator[str]:
    columns, left = row.columns, _LEFT + look.indent
    baseline = row.top + look.row / 2 + look.size * 0.36
    if row.kind == "title":
        # Not every machine has a font with the signs.
        first, *rest = columns[0]
        if colour := _SIGNS.get(first.text[:1]):
            middle = row.top + look.row / 2
            yield f'<circle cx="{_LEFT + 8}" cy="{middle:g}" r="8" fill="{colour}"/>'
            columns = [[Span(first.text[1:].lstrip(), first.style), *rest]]
        else:
            left = _LEFT
    family = _MONO if row.kind == "code" else _SANS
    for number, column in enumerate(columns):
        if column:
            spans = "".join(_span(span, row.kind) for span in column)
            yield (
                f'<text x="{left + number * _COLUMN}" y="{baseline:g}" font-family="{family}" '
                f'font-size="{look.size}" xml:space="preserve">{spans}</text>'
            )


def _span(span: Span, kind: Kind) -> str:
    ink = _LINK if span.style == "link" else _FAINT if kind == "context" else _INK
    weight = ' font-weight="700"' if span.style == "bold" else ""
    return f'<tspan fill="{ink}"{weight}>{html.escape(span.text)}</tspan>'


def _wrapped(line: Line, room: float) -> Iterator[Sequence[Sequence[Span]]]:
    """Break a line where its row is full; columns beside each other are short."""
    if len(line.columns) > 1:
        yield line.columns
        return
    row: list[Span] = []
    used = 0.0
    for span in line.spans:
        # Slack breaks words that are longer than a row.
        for word in re.findall(r"\s+|\S{1,40}", span.text):
            width = _width(word, line.kind)
            if row and used + width > room:
                yield [_joined(row)]
                row, used = [], 0.0
            # A row that goes on begins without the space that it was broken at.
            if row or not word.isspace() or line.kind == "code":
                row.append(Span(word, span.style, span.url))
                used += width
    yield [_joined(row)]


def _joined(spans: Sequence[Span]) -> list[Span]:
    return [
        Span("".join(span.text for span in run), style, url)
        for (style, url), run in itertools.groupby(spans, key=lambda span: (span.style, span.url))
    ]


def _width(word: str, kind: Kind) -> float:
    """Estimate a word's width, by the widest of the fonts."""
    size = _LOOKS[kind].size
    if kind == "code":
        return len(word) * size * 0.605
    return size * sum(
        0.36
        if letter in " .,:;'|!/()[]ijlft·-"
        else 0.95
        if letter in "mwMW@%"
        else 0.69
        if letter.isupper()
        else 0.6
        for letter in word
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(json.loads(MESSAGE.read_text(encoding="utf-8"))), encoding="utf-8")
