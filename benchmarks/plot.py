"""A plot of a few lines, as SVG that GitHub shows in its light and its dark theme."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

_WIDTH: Final = 720
_HEIGHT: Final = 360
_LEFT: Final = 50
_RIGHT: Final = 150
_TOP: Final = 40
_BOTTOM: Final = 40
# Told apart by those who do not see colours alike, on white and on black.
_COLOURS: Final = ("#56b4e9", "#0072b2", "#e69f00", "#d55e00")


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Parameters
    ----------
    name
        What stands at its end.
    points
        Its points; none is negative.
    """

    name: str
    points: Sequence[tuple[float, float]]


def plot(title: str, x_axis: str, lines: Sequence[Line]) -> str:
    """Draw lines from a common origin.

    Parameters
    ----------
    title
        What stands above: what the vertical axis shows, with its unit.
    x_axis
        What the horizontal axis shows.
    lines
        Up to four lines.

    Returns
    -------
    str
        The SVG document.
    """
    most_x = max(x for line in lines for x, _ in line.points)
    most_y = max(y for line in lines for _, y in line.points)
    step = _step(most_y)

    def place(x: float, y: float) -> str:
        across = _LEFT + x / most_x * (_WIDTH - _LEFT - _RIGHT)
        down = _HEIGHT - _BOTTOM - y / most_y * (_HEIGHT - _TOP - _BOTTOM)
        return f"{across:.1f},{down:.1f}"

    def polyline(points: Sequence[tuple[float, float]], *, colour: str, width: float) -> str:
        places = " ".join(place(*point) for point in points)
        return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="{width}"/>'

    def text(x: float, y: float, words: str, *, shift: tuple[int, int], anchor: str) -> str:
        across, down = place(x, y).split(",")
        return (
            f'<text x="{across}" y="{down}" dx="{shift[0]}" dy="{shift[1]}" '
            f'text-anchor="{anchor}">{escape(words)}</text>'
        )

    grid = [
        part
        for number in range(int(most_y / step) + 1)
        for part in (
            polyline([(0, number * step), (most_x, number * step)], colour="#888", width=0.5),
            text(0, number * step, f"{number * step:g}", shift=(-8, 4), anchor="end"),
        )
    ]
    ticks = [text(x, 0, f"{x:g}", shift=(0, 18), anchor="middle") for x, _ in lines[0].points] + [
        text(most_x, 0, x_axis, shift=(12, 18), anchor="start")
    ]
    drawn = [
        part
        for line, colour in zip(lines, _COLOURS, strict=False)
        for part in (
            polyline(line.points, colour=colour, width=2),
            text(*line.points[-1], line.name, shift=(8, 4), anchor="start"),
        )
    ]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
            'font-family="sans-serif" font-size="12" fill="#888">',
            f'<text x="{_LEFT}" y="20" font-size="14">{escape(title)}</text>',
            *grid,
            *ticks,
            *drawn,
            "</svg>\n",
        )
    )


def _step(most: float) -> float:
    """Give a round distance of grid lines, of which there are then three to seven."""
    step = 1.0
    while most / step > 7:
        step *= 2 if f"{step:g}"[0] in "15" else 2.5
    return step
