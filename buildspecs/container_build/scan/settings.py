"""What the project asks of the gate: ``SCAN_GATE``, a JSON document.

==================  ============================================================  ===============
member              meaning                                                       default
==================  ============================================================  ===============
``threshold``       findings of this severity and above block                     HIGH
``fixable_only``    a finding that is known to have no fix does not block         false
``allow``           list of ``id``, ``reason``, ``expires`` (last day, UTC)       empty
``max_wait``        how long the results may take, in seconds                     600
``poll_interval``   the pause between two questions of the first minute           2
``mode``            ``enforce``, or ``report``: say all, never end the build      enforce
==================  ============================================================  ===============

Basic scanning does not say whether a fix exists, so ``fixable_only`` changes nothing there.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass

from container_build.scan.findings import SEVERITIES, UnreadableError
from container_build.scan.wait import LONGEST_PAUSE


@dataclass(frozen=True)
class Allowance:
    """A finding that somebody has accepted, and the last day on which that holds."""

    id: str
    reason: str
    expires: dt.date


@dataclass(frozen=True)
class GateSettings:
    """What the project asks of the gate."""

    threshold: str
    fixable_only: bool
    allow: tuple[Allowance, ...]
    max_wait: float
    poll_interval: float
    enforce: bool


def parse_settings(document: str) -> GateSettings:
    """Read ``SCAN_GATE``.

    Parameters
    ----------
    document
        The JSON document.

    Returns
    -------
    GateSettings
        The settings.

    Raises
    ------
    UnreadableError
        If it is not as documented.
    """
    try:
        given = json.loads(document)
        settings = GateSettings(
            threshold=given.get("threshold", "HIGH"),
            fixable_only=given.get("fixable_only", False),
            allow=tuple(
                Allowance(
                    str(entry["id"]),
                    str(entry["reason"]),
                    dt.date.fromisoformat(entry["expires"]),
                )
                for entry in given.get("allow", ())
            ),
            max_wait=float(given.get("max_wait", 600)),
            poll_interval=float(given.get("poll_interval", 2)),
            enforce={"enforce": True, "report": False}[given.get("mode", "enforce")],
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableError(f"SCAN_GATE is not as documented: {error!r}") from None
    if settings.threshold not in SEVERITIES:
        raise UnreadableError(f"SCAN_GATE: threshold must be one of {', '.join(SEVERITIES)}")
    if not isinstance(settings.fixable_only, bool):
        raise UnreadableError("SCAN_GATE: fixable_only must be true or false")
    if not (0 <= settings.max_wait <= 86400 and 0 < settings.poll_interval <= LONGEST_PAUSE):
        raise UnreadableError("SCAN_GATE: max_wait or poll_interval is out of range")
    return settings
