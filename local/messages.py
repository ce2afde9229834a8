"""A Slack message in a terminal."""

from collections.abc import Mapping
from typing import Any, Final

from rich.panel import Panel
from rich.text import Text

from local.block_kit import Line, lines_of

_STYLES: Final = {"plain": "", "bold": "bold", "link": "blue underline"}
_LEADS: Final = {"quote": "▎ ", "code": "  "}
_FIELD_WIDTH: Final = 30


def panel(message: Mapping[str, Any]) -> Panel:
    """Draw a message.

    Parameters
    ----------
    message
        The message as it was posted.

    Returns
    -------
    rich.panel.Panel
        To be printed.
    """
    shown = Text("\n").join(_drawn(line) for line in lines_of(message))
    return Panel(shown, title="Slack", title_align="left", border_style="dim", expand=False)


def _drawn(line: Line) -> Text:
    text = Text(_LEADS.get(line.kind, ""), style="dim" if line.kind in ("code", "context") else "")
    for column in line.columns[:-1]:
        start = len(text)
        for span in column:
            text.append(span.text, _STYLES[span.style])
        text.pad_right(max(1, _FIELD_WIDTH - (len(text) - start)))
    for span in line.columns[-1]:
        text.append(span.text, _STYLES[span.style])
    return text
