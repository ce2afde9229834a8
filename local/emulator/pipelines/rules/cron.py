"""Cron expressions as the DeploymentWindow rule has them.

The fields are those of
https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference-DeploymentWindow.html:
seconds, minutes, hours, day of month, month, day of week and maybe year. Seconds have no meaning.
"""

import calendar
import datetime as dt
import re
from collections.abc import Callable
from typing import TypeAlias

Matches: TypeAlias = Callable[[dt.datetime], bool]

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = ("minutes", "hours", "day of month", "month", "day of week", "year")
_SATURDAY = 7


class Cron:
    """A cron expression.

    Parameters
    ----------
    expression
        Six or seven fields with white space between.

    Raises
    ------
    ValueError
        It is none; the message names the field.
    """

    def __init__(self, expression: str) -> None:
        fields = expression.upper().split()
        if len(fields) not in {6, 7}:
            raise ValueError(
                f"A cron expression has 6 or 7 fields (seconds, {', '.join(_FIELDS)}), not "
                f"{len(fields)}: {expression!r}"
            )
        if not re.fullmatch(r"\*|[0-5]?\d", fields[0]):
            raise ValueError(f"The seconds must be '*' or 0 to 59, not {fields[0]!r}")
        readers: tuple[Callable[[str], Matches], ...] = (
            lambda text: _numbers(text, 0, 59, lambda now: now.minute),
            lambda text: _numbers(text, 0, 23, lambda now: now.hour),
            _day_of_month,
            lambda text: _numbers(text, 1, 12, lambda now: now.month, _MONTHS),
            _day_of_week,
            lambda text: _numbers(text, 1970, 2199, lambda now: now.year),
        )
        self._fields: list[Matches] = []
        for name, text, read in zip(_FIELDS, fields[1:], readers, strict=False):
            try:
                self._fields.append(_any_of([read(part) for part in text.split(",")]))
            except ValueError as error:
                raise ValueError(f"The {name} of {expression!r}: {error}") from None

    def matches(self, moment: dt.datetime) -> bool:
        """Return whether a moment, in its own time zone, is one of the expression's minutes."""
        return all(field(moment) for field in self._fields)


def _any_of(parts: list[Matches]) -> Matches:
    return lambda now: any(part(now) for part in parts)


def _numbers(
    text: str,
    lowest: int,
    highest: int,
    of: Callable[[dt.datetime], int],
    names: tuple[str, ...] = (),
) -> Matches:
    """Read a number, a range, all, and each of them with a step."""
    match = re.fullmatch(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", text)
    if match is None or (match[1] == "*" and match[2]):
        raise ValueError(f"{text!r} is no number, name, range or step")
    step = int(match[3] or 1)
    if step == 0:
        raise ValueError(f"the step of {text!r} must not be 0")
    if match[1] == "*":
        first, last = lowest, highest
    else:
        first = _number(match[1], lowest, highest, names)
        until = match[2] or (str(highest) if match[3] else match[1])
        last = _number(until, lowest, highest, names)
    # A range may go over the end, such as FRI-MON.
    span = range(first, last + 1 if first <= last else highest + 1 + last - lowest + 1)
    size = highest - lowest + 1
    wanted = {(value - lowest) % size + lowest for value in span[::step]}
    return lambda now: of(now) in wanted


def _number(text: str, lowest: int, highest: int, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text) + lowest
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise ValueError(f"{text!r} is not from {lowest} to {highest}")
    return int(text)


def _day_of_month(text: str) -> Matches:
    if text in {"?", "*"}:
        return lambda _now: True
    if match := re.fullmatch(r"L(?:-(\d+))?", text):
        offset = int(match[1] or 0)
        return lambda now: now.day == _last_day(now) - offset
    if text == "LW":
        return lambda now: now.day == _nearest_weekday(now, _last_day(now))
    if match := re.fullmatch(r"(\d+)W", text):
        wanted = _number(match[1], 1, 31, ())
        return lambda now: wanted <= _last_day(now) and now.day == _nearest_weekday(now, wanted)
    return _numbers(text, 1, 31, lambda now: now.day)


def _day_of_week(text: str) -> Matches:
    if text in {"?", "*"}:
        return lambda _now: True
    if text == "L":
        return lambda now: _weekday(now) == _SATURDAY
    if match := re.fullmatch(r"(\w+)L", text):
        last = _number(match[1], 1, 7, _DAYS)
        return lambda now: _weekday(now) == last and now.day > _last_day(now) - 7
    if match := re.fullmatch(r"(\w+)#([1-5])", text):
        day, nth = _number(match[1], 1, 7, _DAYS), int(match[2])
        return lambda now: _weekday(now) == day and (now.day - 1) // 7 + 1 == nth
    return _numbers(text, 1, 7, _weekday, _DAYS)


def _weekday(now: dt.datetime) -> int:
    return now.isoweekday() % 7 + 1


def _last_day(now: dt.datetime) -> int:
    return calendar.monthrange(now.year, now.month)[1]


def _nearest_weekday(now: dt.datetime, day: int) -> int:
    """Return the weekday nearest to a day, within its month."""
    weekday = dt.date(now.year, now.month, day).isoweekday()
    if weekday == calendar.SATURDAY + 1:
        return day - 1 if day > 1 else day + 2
    if weekday == calendar.SUNDAY + 1:
        return day + 1 if day < _last_day(now) else day - 2
    return day
