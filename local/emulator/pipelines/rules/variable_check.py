"""The VariableCheck rule: compares a variable with a text.

https://docs.aws.amazon.com/codepipeline/latest/userguide/rule-reference-VariableCheck.html. AWS
takes Java's regular expressions; here they are Python's, which differ in rare constructs.
"""

import re
from collections.abc import Callable, Mapping

from local.emulator.pipelines.action import ActionError, Invocation, Outcome, Provider

_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "EQ": lambda actual, wanted: actual == wanted,
    "NE": lambda actual, wanted: actual != wanted,
    "CONTAINS": lambda actual, wanted: wanted in actual,
    "MATCHES": lambda actual, wanted: re.fullmatch(wanted, actual) is not None,
}


def variable_check_provider() -> Provider:
    """Return the provider."""
    return Provider(
        run=_run,
        required=("Variable", "Value", "Operator"),
        check=_check,
        inputs=(0, 0),
        outputs=(0, 0),
    )


def _check(configuration: Mapping[str, str]) -> None:
    if configuration["Operator"] not in _OPERATORS:
        raise ValueError(
            f"Operator must be one of {', '.join(_OPERATORS)}, not {configuration['Operator']!r}"
        )


def _run(invocation: Invocation) -> Outcome:
    actual, wanted, operator = (
        invocation.configuration[key] for key in ("Variable", "Value", "Operator")
    )
    try:
        holds = _OPERATORS[operator](actual, wanted)
    except re.error as error:
        raise ActionError(
            f"Value is no regular expression: {wanted!r}: {error}", "ConfigurationError"
        ) from error
    said = f"{actual!r} {operator} {wanted!r}"
    if not holds:
        raise ActionError(f"The variable check does not hold: {said}")
    invocation.report(externalExecutionSummary=f"The variable check holds: {said}")
    return Outcome()
