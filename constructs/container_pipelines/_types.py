"""Arguments of the wrong type, refused where a person's code meets the library, by its annotations.

Without it they end in the internals of Python or of JavaScript, or are taken: a string where a list
is meant is a list of letters. jsii checks calls of the CDK with typeguard, which knows neither that
nor jsii's interfaces: those are protocols that ``isinstance`` cannot be asked about.

No check asks the CDK anything, and annotations are read once, when a function is first called.
"""

import collections.abc
import functools
import inspect
import re
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, Final, TypeVar, cast

from aws_cdk import Duration
from jsii._reference_map import InterfaceDynamicProxy, Opaque

from container_pipelines._checks import is_token

_Class = TypeVar("_Class", bound=type)

_PLAIN: Final = {
    bool: "True or False",
    float: "a number",
    int: "a whole number",
    str: "a string",
    type(None): "None",
}
_MOST_CHOICES: Final = 10
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


def checked(prefix: str = "") -> Callable[[_Class], _Class]:
    """Have a class check the types of what its constructor and public methods are given.

    Parameters
    ----------
    prefix
        What stands before a parameter's name in messages, as for the fields of an option group:
        ``health_check`` for ``'health_check.path'``.

    Returns
    -------
    Callable
        The decorator; of a dataclass the outer one. What it decorates raises ``ValueError`` with
        the parameter, what it takes, what it got and what to write.
    """

    def decorate(decorated: _Class) -> _Class:
        for name, member in list(vars(decorated).items()):
            if name.startswith("_") and name != "__init__":
                continue
            if getattr(member, "__isabstractmethod__", False):
                continue
            inner = [prefix, *([name] if isinstance(member, staticmethod) else [])]
            path = ".".join(filter(None, inner)) if prefix else ""
            if isinstance(member, staticmethod):
                setattr(decorated, name, staticmethod(_checking(member.__func__, path)))
            elif isinstance(member, types.FunctionType):
                setattr(decorated, name, _checking(member, path))
        return decorated

    return decorate


def _checking(function: Callable[..., Any], path: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        parameters = _parameters(function)
        given = zip(parameters, args, strict=False)
        for name, value in (*given, *kwargs.items()):
            parameter = parameters.get(name)
            if parameter is None or parameter.kind.takes(value):
                continue
            where, kind, wrong = parameter.kind.blame(value)
            raise ValueError(
                f"'{path}{'.' if path else ''}{name}{where}' must be {kind.told}, got "
                f"{_received(kind, wrong)}; {_fix(kind, wrong, parameter.required)}"
            )
        return function(*args, **kwargs)

    return call


class _Kind(ABC):
    """What an annotation takes."""

    told: str

    @abstractmethod
    def takes(self, value: object) -> bool:
        """Tell whether a value is of it."""

    def blame(self, value: object) -> "tuple[str, _Kind, object]":
        """Find what is wrong in a value that is not of it: where, what it should be, what is."""
        return "", self, value

    def alternatives(self) -> "Iterator[_Kind]":
        yield self


@dataclass(frozen=True, slots=True)
class _Parameter:
    kind: _Kind
    required: bool


@functools.cache
def _parameters(function: Callable[..., Any]) -> dict[str, _Parameter]:
    hints = typing.get_type_hints(function)
    return {
        name: _Parameter(
            _kind(hints.get(name, Any)), required=parameter.default is inspect.Parameter.empty
        )
        for name, parameter in inspect.signature(function).parameters.items()
    }


class _Anything(_Kind):
    told = "anything"

    def takes(self, value: object) -> bool:
        return True


class _Plain(_Kind):
    """A number, a string, True or False, or None."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.told = _PLAIN[kind]

    def takes(self, value: object) -> bool:
        if isinstance(value, bool) or self.kind is bool:
            return isinstance(value, bool) and self.kind is bool
        if self.kind is int and isinstance(value, float):
            return is_token(value)
        return isinstance(value, (int, float) if self.kind is float else self.kind)


class _Instance(_Kind):
    """An object of a class."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        self.told = _a(_named(kind))
        if self.is_choice and len(self.members) <= _MOST_CHOICES:
            self.told = f"one of {', '.join(map(str, self.members))}"

    @property
    def is_choice(self) -> bool:
        return issubclass(self.kind, Enum)

    @property
    def members(self) -> list[str]:
        return [f"{_named(self.kind)}.{member}" for member in self.kind.__members__]  # type: ignore[attr-defined]

    def takes(self, value: object) -> bool:
        return any(isinstance(face, self.kind) for face in _faces(value))


class _Interface(_Kind):
    """What implements an interface of jsii."""

    def __init__(self, kind: Any) -> None:
        self._name: str = kind.__jsii_type__
        self.told = _a(_named(kind))

    def takes(self, value: object) -> bool:
        return any(
            isinstance(face, Opaque) or self._name in _implemented(cast("Hashable", type(face)))
            for face in _faces(value)
        )


class _Shape(_Kind):
    """What has the members of a protocol of Python."""

    def __init__(self, kind: type) -> None:
        self._members = {
            name
            for each in kind.__mro__
            if getattr(each, "_is_protocol", False)
            for name in (*vars(each), *vars(each).get("__annotations__", ()))
            if not name.startswith("_")
        }
        self.told = _a(_named(kind))

    def takes(self, value: object) -> bool:
        # Not by hasattr(), which would ask the CDK for the value.
        own = getattr(value, "__dict__", {})
        return all(name in own or hasattr(type(value), name) for name in self._members)


class _Items(_Kind):
    """A list, or another collection that a string is not."""

    def __init__(self, container: type, item: _Kind) -> None:
        self._container = container
        self.item = item
        self.told = f"a list of {_plural(item)}"

    def _is_list(self, value: object) -> bool:
        return isinstance(value, self._container) and not isinstance(value, (str, bytes, Mapping))

    def takes(self, value: object) -> bool:
        return self._is_list(value) and all(map(self.item.takes, cast("Iterable[object]", value)))

    def blame(self, value: object) -> tuple[str, _Kind, object]:
        if not self._is_list(value):
            return "", self, value
        for number, each in enumerate(cast("Iterable[object]", value)):
            if not self.item.takes(each):
                where, kind, wrong = self.item.blame(each)
                return f"[{number}]{where}", kind, wrong
        raise AssertionError("nothing is wrong")


class _Entries(_Kind):
    """A dict."""

    def __init__(self, key: _Kind, value: _Kind) -> None:
        self._key, self._value = key, value
        self.told = f"a dict from {_plural(key)} to {_plural(value)}"

    def takes(self, value: object) -> bool:
        return isinstance(value, Mapping) and all(
            self._key.takes(key) and self._value.takes(each) for key, each in value.items()
        )

    def blame(self, value: object) -> tuple[str, _Kind, object]:
        if not isinstance(value, Mapping):
            return "", self, value
        for key, each in value.items():
            if not self._key.takes(key):
                return ".keys()", self._key, key
            if not self._value.takes(each):
                where, kind, wrong = self._value.blame(each)
                return f"[{str(key)!r}]{where}", kind, wrong
        raise AssertionError("nothing is wrong")


class _Union(_Kind):
    """One of several."""

    def __init__(self, kinds: list[_Kind]) -> None:
        self._kinds = kinds
        # That None is the same as leaving it out is said by the fix.
        self.told = " or ".join(kind.told for kind in self.alternatives())

    def takes(self, value: object) -> bool:
        return any(kind.takes(value) for kind in self._kinds)

    def blame(self, value: object) -> tuple[str, _Kind, object]:
        found = [kind.blame(value) for kind in self.alternatives()]
        # The only one, or the one that this is a list or a dict of.
        inner = found if len(found) == 1 else [each for each in found if each[0]]
        return inner[0] if inner else ("", self, value)

    def alternatives(self) -> Iterator[_Kind]:
        return (kind for kind in self._kinds if kind.told != "None")


def _kind(annotation: Any) -> _Kind:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return _Anything()
    if origin in (typing.Union, types.UnionType):
        return _Union([_kind(each) for each in arguments])
    if origin is not None and issubclass(origin, collections.abc.Mapping):
        return _Entries(*map(_kind, arguments))
    if origin is not None:
        return _Items(origin, _kind(arguments[0]))
    if annotation in _PLAIN:
        return _Plain(annotation)
    if getattr(annotation, "_is_protocol", False):
        return (_Interface if hasattr(annotation, "__jsii_type__") else _Shape)(annotation)
    return _Instance(annotation)


def _faces(value: object) -> tuple[object, ...]:
    """Give what an object is: of one that JavaScript made it may be several."""
    return tuple(value._delegates) if isinstance(value, InterfaceDynamicProxy) else (value,)


@functools.cache
def _implemented(kind: Hashable) -> frozenset[str]:
    """Name the interfaces of jsii that a class implements."""
    found: set[str | None] = set()
    for each in cast("type", kind).__mro__:
        found.add(vars(each).get("__jsii_type__"))
        for interface in vars(each).get("__jsii_ifaces__", ()):
            found.update(getattr(base, "__jsii_type__", None) for base in interface.__mro__)
    return frozenset(name for name in found if name is not None)


def _named(kind: type) -> str:
    """Name a class, one of the CDK with its module: there is more than one ``IRepository``."""
    module = kind.__module__
    name = kind.__name__
    if module.startswith("aws_cdk.") and hasattr(kind, "__jsii_type__"):
        # What implements an interface for Python has a name of its own.
        return str(kind.__jsii_type__).removeprefix("aws-cdk-lib.")
    return f"{module.removeprefix('aws_cdk.')}.{name}" if module.startswith("aws_cdk.") else name


def _a(name: str) -> str:
    vowel = name[0].lower() in "aeio" or name.startswith("Http")
    return f"{'an' if vowel else 'a'} {name}"


def _plural(kind: _Kind) -> str:
    told = {"a string": "strings", "a whole number": "whole numbers"}
    return " or ".join(
        told.get(each.told, each.told.removeprefix("a ").removeprefix("an "))
        for each in kind.alternatives()
    )


def _received(kind: _Kind, value: object) -> str:
    """Tell what was given; of a string that may be anything, a secret even, not what is in it."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, type):
        return f"the class {_named(value)} itself"
    if isinstance(value, str):
        return f"the string {value!r}" if _may_be_shown(kind, value) else "a string"
    *_, face = _faces(value)
    # What JavaScript has made of an ARN, a name or attributes is known by its interface alone.
    imported = isinstance(value, InterfaceDynamicProxy) or type(face).__name__.startswith("_")
    return _a(f"imported {_named(type(face))}" if imported else _named(type(face)))


def _may_be_shown(kind: _Kind, value: str) -> bool:
    return any(
        isinstance(each, _Items)
        or (isinstance(each, _Instance) and each.is_choice)
        or (isinstance(each, _Plain) and each.kind in (int, float) and value.isdigit())
        for each in kind.alternatives()
    )


def _fix(kind: _Kind, value: object, required: bool) -> str:
    for each in kind.alternatives():
        if written := _written(each, value):
            return f"write {written}"
    if isinstance(value, InterfaceDynamicProxy) and not isinstance(kind, _Interface):
        return "give one that your app makes: of an imported one too little is known"
    attributes = {} if isinstance(value, type) else getattr(value, "__dict__", {})
    for name, attribute in attributes.items():
        if not name.startswith("_") and kind.takes(attribute):
            return f"give its '{name}'"
    return "give one" if required else "give one, or omit it for the default"


def _written(kind: _Kind, value: object) -> str | None:
    """Give the code of what was probably meant."""
    match kind, value:
        case _Items(), str() if kind.item.takes(value):
            # Words may be items or one item: who wrote them knows.
            return f"[{value!r}]" if len(value.split()) == 1 else "a list, each item in quotes"
        case _Items(), _ if kind.item.takes(value):
            return "it in brackets, as a list of one"
        case _Plain(kind=plain), str() if plain in (int, float) and value.isdigit():
            return f"{value}, without the quotes"
        case _Plain(kind=plain), int() | float() if plain is str:
            return "it in quotes"
        case _Instance(kind=cls), int() | float() if cls is Duration and value is not True:
            return f"Duration.seconds({value}) or Duration.minutes({value})"
        case _Instance(kind=cls), str() if cls is date and _DAY.fullmatch(value):
            return f"date.fromisoformat({value!r})"
        case _Instance(is_choice=True), str():
            names = (
                name
                for name, member in kind.kind.__members__.items()  # type: ignore[attr-defined]
                if value.upper() in (name.upper(), str(member.value).upper())
            )
            name = next(names, None)
            return name and f"{_named(kind.kind)}.{name}"
        case _Instance(kind=cls, is_choice=False), type() if issubclass(value, cls):
            return f"{_named(value)}(...), which makes one"
        case _Instance(kind=cls), _ if field := _single_field(cls, value):
            return f"{_named(cls)}({field}=...)"
    return None


def _single_field(option: type, value: object) -> str | None:
    """Name the one field that an option group must have, if the value is one for it."""
    if not hasattr(option, "__dataclass_fields__"):
        return None
    parameters = _parameters(inspect.unwrap(option.__init__))  # type: ignore[misc]
    required = {
        name: each.kind for name, each in parameters.items() if each.required and name != "self"
    }
    match list(required.items()):
        case [(name, kind)] if kind.takes(value):
            return name
    return None
