"""The DeploymentWindow rule: waits until the window is open.

https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference-DeploymentWindow.html says
when the rule succeeds and not how long it waits: here until its time-out. The window is open in
the minutes that the expression matches. ``POST /_local/clock`` moves the time that it goes by.
"""

import datetime as dt
import re
import zoneinfo
from collections.abc import Mapping

from local.emulator.pipelines.action import ActionAbandoned, Invocation, Outcome, Provider
from local.emulator.pipelines.clock import clock
from local.emulator.pipelines.rules.cron import Cron

_POLL_SECONDS = 0.1

# Abbreviations that the time zone database does not have, as Java's ZoneId.SHORT_IDS reads them.
_ABBREVIATIONS = {
    "AET": "Australia/Sydney",
    "BET": "America/Sao_Paulo",
    "CST": "America/Chicago",
    "CTT": "Asia/Shanghai",
    "ECT": "Europe/Paris",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "PST": "America/Los_Angeles",
}


def window_provider() -> Provider:
    """Return the provider."""
    return Provider(
        run=_run,
        required=("Cron",),
        optional=("TimeZone",),
        check=_check,
        inputs=(0, 0),
        outputs=(0, 0),
    )


def _check(configuration: Mapping[str, str]) -> None:
    Cron(configuration["Cron"])
    _zone(configuration.get("TimeZone", "UTC"))


def _run(invocation: Invocation) -> Outcome:
    window = Cron(invocation.configuration["Cron"])
    zone = _zone(invocation.configuration.get("TimeZone", "UTC"))
    while True:
        now = dt.datetime.fromtimestamp(clock.now(), zone)
        if window.matches(now):
            opened = now.isoformat(timespec="minutes")
            invocation.report(externalExecutionSummary=f"The deployment window is open: {opened}")
            return Outcome()
        if invocation.stop.wait(_POLL_SECONDS):
            raise ActionAbandoned


def _zone(name: str) -> dt.tzinfo:
    if match := re.fullmatch(r"UTC(?:([+-])(\d\d):([0-5]\d))?", name):
        if match[1] is None:
            return dt.UTC
        offset = dt.timedelta(hours=int(match[2]), minutes=int(match[3]))
        return dt.timezone(-offset if match[1] == "-" else offset)
    try:
        return zoneinfo.ZoneInfo(_ABBREVIATIONS.get(name, name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise ValueError(
            f"TimeZone must be like Europe/Berlin, UTC+05:30 or EST, not {name!r}"
        ) from None
