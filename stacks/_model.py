"""What all settings are made of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from stacks._mistakes import NULL, Mistake, MistakesError, mistake
from stacks._secrets import is_no_name


class Model(BaseModel):
    """Settings that take no key and no type but their own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def mistakes(self) -> Iterator[Mistake]:
        """Find settings that do not go together, though each may be by itself.

        Returns
        -------
        Iterator[Mistake]
            The mistakes; none by default.
        """
        return iter(())

    @model_validator(mode="before")
    @classmethod
    def _are_settings(cls, settings: object) -> object:
        if isinstance(settings, Mapping):
            unknown = [key for key in settings if key not in cls.model_fields]
            null = [key for key in settings if key not in unknown and settings[key] is None]
            found = [Mistake((key,), _unknown(key, cls)) for key in unknown]
            found += [Mistake((key,), NULL) for key in null]
            if found:
                raise MistakesError(found)
        return settings

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if found := tuple(self.mistakes()):
            raise MistakesError(found)
        return self


def refused(
    make: Callable[[], object], *, prefix: str, names: Mapping[str, str] | None = None
) -> Iterator[Mistake]:
    """Find what a construct's options refuse, and say it of the setting that it is about.

    Parameters
    ----------
    make
        Makes the options.
    prefix
        What the options' messages have before the names of their parameters.
    names
        The settings of parameters that have another name.

    Returns
    -------
    Iterator[Mistake]
        The mistake, if there is one.
    """
    try:
        make()
    except ValueError as error:
        about = re.match(rf"'{prefix}\.(\w+)' ", str(error))
        name = about[1] if about else ""
        says = str(error).removeprefix(about[0] if about else "").replace(f"'{prefix}.", "'")
        yield mistake((names or {}).get(name, name), says)


def text(pattern: str, says: str, *, minimum: int = 1, maximum: int) -> AfterValidator:
    """Constrain a text.

    Parameters
    ----------
    pattern
        The regular expression that the whole text must match.
    says
        The same in words, as the end of the sentence "must be ...".
    minimum, maximum
        The bounds of its length, in characters.

    Returns
    -------
    AfterValidator
        The constraint, for an annotation.
    """

    def check(value: str) -> str:
        if len(value) < minimum:
            raise ValueError(f"must have at least {minimum} character{'s' * (minimum > 1)}")
        _check_length(value, maximum)
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {says}")
        return value

    return AfterValidator(check)


def longest(maximum: int) -> AfterValidator:
    """Constrain the length of a text.

    Parameters
    ----------
    maximum
        How many characters it may have.

    Returns
    -------
    AfterValidator
        The constraint, for an annotation.
    """

    def check(value: str) -> str:
        _check_length(value, maximum)
        return value

    return AfterValidator(check)


def _check_length(value: str, maximum: int) -> None:
    if len(value) > maximum:
        raise ValueError(f"must have at most {maximum} characters")


def _no_secret(name: str) -> str:
    if is_no_name(name):
        raise ValueError(
            "must be the name under which a secret is stored, got what looks like the secret "
            "itself: store it, and give its name here; if it has been committed, replace it"
        )
    return name


Parameter = Annotated[
    str,
    AfterValidator(_no_secret),
    text(
        r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*",
        "the name of a parameter in Parameter Store, such as '/my-app/token'",
        maximum=1011,
    ),
]
"""The name of a parameter in Parameter Store."""

SecretName = Annotated[
    str,
    AfterValidator(_no_secret),
    text(
        r"[A-Za-z0-9/_+=.@-]+",
        "the name of a secret in Secrets Manager, such as 'my-app/token'",
        maximum=512,
    ),
]
"""The name of a secret in Secrets Manager."""

SecretField = Annotated[
    str,
    AfterValidator(_no_secret),
    text(
        r"[A-Za-z0-9/_+=.@-]+(:[^:]+)?",
        "a secret's name in Secrets Manager, or 'name:field' for a field of its JSON",
        maximum=1024,
    ),
]
"""A secret in Secrets Manager, or one field of it, by the secret's name."""

SecretArn = Annotated[
    str,
    AfterValidator(_no_secret),
    text(
        r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}"
        r"(:[^:]+)?",
        "a secret's complete ARN, with the six characters at its end, which ECS needs: "
        "'arn:aws:secretsmanager:<region>:<account>:secret:my-app-AbCdEf', with ':field' after it "
        "for a field of its JSON",
        maximum=2048,
    ),
]
"""A secret in Secrets Manager, or one field of it, by the secret's complete ARN."""

EcsName = Annotated[
    str,
    text(r"[A-Za-z0-9_-]+", "a name of letters, digits, '-' and '_'", maximum=255),
]
"""The name of a cluster, a service or a container."""


def once(names: list[str]) -> list[str]:
    """Refuse a list that has something twice; for an annotation.

    Parameters
    ----------
    names
        The list.

    Returns
    -------
    list[str]
        The list.

    Raises
    ------
    ValueError
        If something is in it twice.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"must name each once, got {', '.join(twice)} more than once")
    return names


AlarmNames = Annotated[
    list[Annotated[str, text(r".*\S.*", "the name of an alarm", maximum=255)]],
    AfterValidator(once),
]
"""Alarms that are there already."""


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"must start with '/', for example '/{path}'")
    if re.search(r"\s", path):
        raise ValueError("must not have spaces")
    return path


UrlPath = Annotated[str, AfterValidator(_path)]
"""A path of a URL, from its first slash."""


def _unknown(key: object, model: type[BaseModel]) -> str:
    inner = [
        f"{name}.{key}"
        for name, field in model.model_fields.items()
        for part in (field.annotation, *get_args(field.annotation))
        if isinstance(part, type) and issubclass(part, BaseModel) and key in part.model_fields
    ]
    close = difflib.get_close_matches(str(key), model.model_fields, n=1, cutoff=0.7)
    if found := [*close, *inner]:
        return f"is not a setting; did you mean '{found[0]}'?"
    return f"is not a setting; those here are {', '.join(model.model_fields)}"
