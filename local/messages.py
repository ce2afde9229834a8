"""A Slack message in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.style import Style
from rich.text import Text

from local.block_kit import Line, Span, lines_of

_LEADS: Final = {"quote": "▎ ", "code": "  "}
_FIELD_WIDTH: Final = 30


def panel(message: Mapping[str, Any]) -> Panel:
    """Draw a message.

    Its links show their text alone; terminals that know links follow them on a click.

    Parameters
    ----------
    message
        The message as it was posted.

    Returns
    -------
    rich.panel.Panel
        To be printed.
    """
    drawn = _Drawn(list(lines_of(message)))
    return Panel(drawn, title="Slack", title_align="left", border_style="dim", expand=False)


class _Drawn:
    """Lines that keep what they begin with when they are wrapped."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = [(_LEADS.get(line.kind, ""), _text(line)) for line in lines]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for lead, text in self._lines:
            for row in text.wrap(console, options.max_width - len(lead)) or [Text()]:
                yield Text.assemble((lead, "dim"), row)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        longest = max(len(lead) + text.cell_len for lead, text in self._lines)
        return Measurement(1, longest).clamp(max_width=options.max_width)


def _text(line: Line) -> Text:
    text = Text(style="dim" if line.kind in ("code", "context") else "")
    for column in line.columns[:-1]:
        start = len(text)
        for span in column:
            text.append(span.text, _style(span))
        text.pad_right(max(1, _FIELD_WIDTH - (len(text) - start)))
    for span in line.columns[-1]:
        text.append(span.text, _style(span))
    return text


def _style(span: Span) -> Style:
    if span.style == "link":
        return Style(color="blue", underline=True, link=span.url)
    return Style(bold=span.style == "bold" or None)
