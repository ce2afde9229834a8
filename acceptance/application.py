"""The application that a run releases: the sample, with what is needed to tell versions apart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

SETTING: Final = "ACCEPTANCE_SETTING"
"""The environment variable that a changed setting changes; the application answers with it."""

BROKEN: Final = "ACCEPTANCE_BROKEN"
"""The environment variable with which the application does not start."""

GREETING: Final = "src/greeting.js"

_SAMPLE: Final = Path(__file__).parents[1] / "samples" / "my-container-app"
_LEFT_OUT: Final = ("node_modules", "test")


def files(word: str) -> Mapping[str, bytes]:
    """Return all files of a version that starts, and answers with a word.

    Parameters
    ----------
    word
        What tells the version from others.

    Returns
    -------
    Mapping
        Path -> content.
    """
    found = {
        path.relative_to(_SAMPLE).as_posix(): path.read_bytes()
        for path in sorted(_SAMPLE.rglob("*"))
        if path.is_file() and path.relative_to(_SAMPLE).parts[0] not in _LEFT_OUT
    }
    return {**found, **good(word)}


def good(word: str) -> Mapping[str, bytes]:
    """Return what makes a version of its own that starts."""
    text = (
        f"if (process.env.{BROKEN}) {{\n"
        f"  console.error('{BROKEN} is set');\n"
        "  process.exit(3);\n"
        "}\n"
        f"export const GREETING = `{word} ${{process.env.{SETTING} ?? ''}}`;\n"
    )
    return {GREETING: text.encode()}


def bad(word: str) -> Mapping[str, bytes]:
    """Return what makes a version of its own that exits as soon as it has started."""
    text = f"export const GREETING = '{word}';\nconsole.error('{word}');\nprocess.exit(3);\n"
    return {GREETING: text.encode()}


def message(word: str, setting: str) -> str:
    """Return what a version answers under a setting."""
    return f"{word} {setting}"
