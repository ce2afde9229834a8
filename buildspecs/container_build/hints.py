"""What to do about a failure that has one usual cause."""

from __future__ import annotations

import re

_PERMISSION = re.compile(r"permission denied|exit code: 126", re.IGNORECASE)


def failure_of(said: str) -> str:
    """Find the line that says why Docker has failed.

    Parameters
    ----------
    said
        The last lines of its output.

    Returns
    -------
    str
        The line, without ``ERROR:``.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    chosen = (errors or lines or ["docker said nothing"])[-1]
    return chosen.removeprefix("ERROR: ")


def give_hint(said: str) -> None:
    """Say what may help, if there is anything.

    Parameters
    ----------
    said
        The last lines of what has failed.
    """
    if _PERMISSION.search(said):
        print(
            "A source that comes as a zip has no executable bits: set them in the Dockerfile "
            "(COPY --chmod=755, or RUN chmod +x), call the script by its shell, or let the "
            "pipeline hand over a Git clone ('full_clone' of the source).",
            flush=True,
        )
