"""Texts of others, as one short line of a log."""

from __future__ import annotations


def printable(value: object, most: int = 60) -> str:
    """Make one short printable line of what a vulnerability database or a service says.

    Parameters
    ----------
    value
        What was said; nothing becomes the empty text.
    most
        The most characters that are shown.

    Returns
    -------
    str
        The line.
    """
    text = "".join(char if char.isprintable() else " " for char in str(value or ""))
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."
