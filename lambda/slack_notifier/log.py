"""Structured logs: one JSON object a line on standard output, secrets hidden."""

import json
import sys
from typing import Final

from slack_notifier.redact import redact

INFO: Final = "INFO"
WARNING: Final = "WARNING"
ERROR: Final = "ERROR"


def log(level: str, message: str, **fields: object) -> None:
    """Write one line.

    Parameters
    ----------
    level
        ``INFO``, ``WARNING`` or ``ERROR``.
    message
        What happened, the same words each time.
    **fields
        What it happened to.
    """
    entry = {"level": level, "message": message} | {
        name: redact(value) if isinstance(value, str) else value for name, value in fields.items()
    }
    write(entry)


def write(entry: dict[str, object]) -> None:
    """Write an object as one line, as Lambda hands it to CloudWatch Logs.

    Parameters
    ----------
    entry
        The object; what JSON does not know is written as its text.
    """
    sys.stdout.write(json.dumps(entry, default=str, separators=(",", ":")) + "\n")
    sys.stdout.flush()
