"""What is wrong with settings: all of it at once, each with the place where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from stacks._secrets import is_secret

Place = tuple[int | str, ...]
"""The keys and numbers that lead to a setting."""

_SECRET: Final = re.compile(r"parameter|secret|token|^(environment|arguments)$")

_SENTENCES: Final = {
    "bool_type": "must be true or false",
    "date_from_datetime_parsing": "must be a day such as '2027-01-31'",
    "date_type": "must be a day such as '2027-01-31'",
    "dict_type": "must be an object",
    "float_type": "must be a number",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "string_type": "must be a text, in quotes",
    "too_long": "must be a list of at most {max_length}, got {actual_length}",
    "too_short": "must be a list of at least {min_length}, got {actual_length}",
    "union_tag_invalid": "must be one of {expected_tags}, got '{tag}'",
    "union_tag_not_found": "is missing",
}
"""What pydantic's kinds of errors are in words; any other has pydantic's own."""


NULL: Final = "must not be null: give it a value, or leave it out"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something that is wrong with one setting, or with several together.

    Parameters
    ----------
    at
        Where it is to be mended.
    says
        What is wrong, and what to do.
    reads
        The other settings that it depends on. Where one of them is wrong itself, nothing is known
        of how they go together, and nothing is said.
    """

    at: Place
    says: str
    reads: tuple[Place, ...] = ()

    def below(self, place: Place) -> Mistake:
        """Return the same of a setting whose section is at another place."""
        return Mistake(
            (*place, *self.at), self.says, tuple((*place, *other) for other in self.reads)
        )

    def __str__(self) -> str:
        return f"{shown_place(self.at)}: {self.says}" if self.at else self.says


class MistakesError(ValueError):
    """Several mistakes of one section."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(map(str, self.mistakes)))


def mistake(at: str, says: str, *, reads: Iterable[str] = ()) -> Mistake:
    """Make a mistake whose places are written with dots: ``blue_green.probe.path``.

    Parameters
    ----------
    at
        Where it is to be mended.
    says
        What is wrong, and what to do.
    reads
        The other settings that it depends on.

    Returns
    -------
    Mistake
        The mistake.
    """
    return Mistake(_place(at), says, tuple(map(_place, reads)))


def mistakes_of(model: type[BaseModel], settings: object) -> list[Mistake]:
    """Find all that is wrong with settings.

    What is wrong is taken away and the rest looked at again, for what pydantic does not look at as
    long as there is something else: how settings go together.

    Parameters
    ----------
    model
        What the settings must be.
    settings
        The settings, as JSON has them.

    Returns
    -------
    list[Mistake]
        The mistakes, in the order of the settings; none if there are none.
    """
    rest = _copy(settings)
    found: list[Mistake] = []
    taken: set[Place] = set()
    while True:
        try:
            model.model_validate(rest)
        except ValidationError as error:
            mistakes = list(_mistakes(error))
        else:
            break
        found += [
            each
            for each in mistakes
            if not any(_overlap(place, gone) for place in _places(each) for gone in taken)
        ]
        for each in mistakes:
            taken.add(_take(rest, each, taken))
        if () in taken:
            break
    return sorted(found, key=lambda each: each.at[1:2] if each.at[:1] == ("services",) else ())


def shown_place(place: Place) -> str:
    """Return a place as people write it: ``services[0].container.port``.

    Parameters
    ----------
    place
        The place.

    Returns
    -------
    str
        The text.
    """
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in place]
    return "".join(steps).removeprefix(".")


def _copy(settings: Any) -> Any:
    """Copy settings, in which each part stands for itself even if it is the same object twice."""
    if isinstance(settings, Mapping):
        return {key: _copy(value) for key, value in settings.items()}
    return [_copy(value) for value in settings] if isinstance(settings, list) else settings


def _place(dotted: str) -> Place:
    return tuple(int(step) if step.isdigit() else step for step in dotted.split(".") if step)


def _places(each: Mistake) -> tuple[Place, ...]:
    return (each.at, *each.reads)


def _overlap(one: Place, other: Place) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _mistakes(error: ValidationError) -> Iterator[Mistake]:
    for each in error.errors():
        place = _as_written(each["loc"])
        if each["type"].startswith("union_tag"):
            place += ("type",)
        raised = each.get("ctx", {}).get("error") if each["type"] == "value_error" else None
        if isinstance(raised, MistakesError):
            yield from (inner.below(place) for inner in raised.mistakes)
        else:
            yield Mistake(place, _sentence(place, each, raised))


def _as_written(place: Place) -> Place:
    """Drop what the JSON has no level for: the chosen kind of a source, and the word for a key."""
    return tuple(
        step
        for before, step in zip(("", *place), place, strict=False)
        if step != "[key]" and not (before == "source" and step in ("github", "codecommit"))
    )


def _sentence(place: Place, error: Any, raised: ValueError | None) -> str:
    kind, given = error["type"], error["input"]
    if given is None and kind != "missing":
        return NULL
    if raised is not None:
        sentence = str(raised)
    else:
        sentence = _SENTENCES.get(kind, error["msg"]).format(**error.get("ctx", {}))
    if isinstance(given, str) and is_secret(given):
        return sentence
    if kind == "missing" or any(_SECRET.search(str(step)) for step in place[1:]):
        return sentence
    if isinstance(given, bool):
        return f"{sentence}, got {str(given).lower()}"
    return f"{sentence}, got {given!r}" if isinstance(given, str | int | float) else sentence


def _take(settings: Any, each: Mistake, taken: set[Place]) -> Place:
    """Take what is wrong out of the settings, and return where it was."""
    for place in _places(each):
        if place not in taken and _remove(settings, place):
            return place
    place = each.at
    while place:
        place = place[:-1]
        if place not in taken and _remove(settings, place):
            return place
    return ()


def _remove(settings: Any, place: Place) -> bool:
    *steps, last = place or ("",)
    inner = settings
    for step in steps:
        try:
            inner = inner[step]
        except (KeyError, IndexError, TypeError):
            return False
    if isinstance(inner, dict) and last in inner:
        del inner[last]
        return True
    if steps == ["services"] and isinstance(inner, list) and isinstance(last, int):
        # Something of which there is nothing to say, so that the others keep their numbers.
        inner[last] = {
            "name": f"taken-away-{last}",
            "source": {"type": "github", "repository": "taken/away"},
            "priority": 50000 - last,
            "path_pattern": f"/taken-away-{last}",
        }
        return True
    return False
