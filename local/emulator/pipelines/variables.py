"""Variables in the configuration of actions: ``#{namespace.name}``."""

import re
from collections.abc import Iterator, Mapping

_REFERENCE = re.compile(r"#\{([A-Za-z0-9_\-@]+)\.([A-Za-z0-9_\-@.]+)\}")


class UndefinedVariableError(Exception):
    """A variable has no value; the message names it."""


def references(text: str) -> Iterator[tuple[str, str]]:
    """Return namespace and name of each variable in a text."""
    for match in _REFERENCE.finditer(text):
        yield match[1], match[2]


def fill_in(
    configuration: Mapping[str, str], namespaces: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Replace all variables by their values.

    Parameters
    ----------
    configuration
        Of an action.
    namespaces
        Namespace -> name -> value.
    """

    def value(match: re.Match[str]) -> str:
        try:
            return namespaces[match[1]][match[2]]
        except KeyError:
            raise UndefinedVariableError(
                f"The variable {match[0]} has no value: "
                + (
                    f"the action with namespace '{match[1]}' gave no '{match[2]}'."
                    if match[1] in namespaces
                    else f"no action before this one has the namespace '{match[1]}'."
                )
            ) from None

    return {key: _REFERENCE.sub(value, text) for key, text in configuration.items()}
