"""Checks of construct parameters: each raises before any child is created, and lets tokens pass.

A token stands for a value that only the deployment knows. Comparing one (an unresolved number is
about -1.9e289) would reject good input, so every check lets it through.
"""

import re
from typing import Final

from aws_cdk import Duration, Token

from container_pipelines._once import seconds_of

# As aws-cdk-lib encodes them (core/lib/private/encoding.ts).
_TOKEN_IN_TEXT: Final = re.compile(r"\$\{Token\[[a-zA-Z0-9:._-]+\]\}|-1\.[0-9]{10,16}e\+289")
_FIRST_TOKEN_NUMBER: Final = -(2.0**961)
_LAST_TOKEN_NUMBER: Final = -(1.9375 * 2.0**960)


def is_token(value: object) -> bool:
    """Tell whether a value is a token, as :meth:`aws_cdk.Token.is_unresolved` does.

    For texts and numbers without asking the CDK, which runs in another process.

    Parameters
    ----------
    value
        A text, a number or an object of the CDK.

    Returns
    -------
    bool
        Whether it is a token; a text, whether there is one in it.
    """
    if isinstance(value, str):
        return "Token[" in value and _TOKEN_IN_TEXT.search(value) is not None
    if isinstance(value, int | float):
        return _FIRST_TOKEN_NUMBER < value <= _LAST_TOKEN_NUMBER
    return Token.is_unresolved(value)


def check_range(
    parameter: str, value: float, *, minimum: float, maximum: float, default: str
) -> None:
    """Reject a number outside of a closed range.

    Parameters
    ----------
    parameter
        The parameter's name as the caller wrote it.
    value
        What was given.
    minimum, maximum
        The bounds, both allowed.
    default
        What leaving the parameter out means, as the end of the sentence "omit it to ...".

    Raises
    ------
    ValueError
        If the value is outside of the bounds.
    """
    if is_token(value) or minimum <= value <= maximum:
        return
    raise ValueError(
        f"'{parameter}' must be from {minimum} to {maximum}, got {value}; omit it to {default}"
    )


def check_duration(
    parameter: str,
    value: Duration,
    *,
    minimum: int,
    maximum: int,
    default: str,
    unit: str = "seconds",
    known: bool = False,
) -> None:
    """Reject a duration outside of a closed range, or with a fraction of AWS's unit for it.

    Parameters
    ----------
    parameter
        The parameter's name as the caller wrote it.
    value
        What was given.
    minimum, maximum
        The bounds in that unit, both allowed.
    default
        What leaving the parameter out means, as the end of the sentence "omit it to ...".
    unit
        The unit that AWS takes whole numbers of: ``seconds``, ``minutes`` or ``days``.
    known
        Whether synthesis needs the value itself, and a token is of no use to it.

    Raises
    ------
    ValueError
        If the value is outside of the bounds, no whole number of units, or a token although it must
        be known.
    """
    seconds = seconds_of(value)
    if seconds is None:
        if known:
            raise ValueError(
                f"'{parameter}' must be known at synthesis, got a token; give the duration itself"
            )
        return
    units = seconds / {"seconds": 1, "minutes": 60, "days": 86400}[unit]
    if units % 1 == 0 and minimum <= units <= maximum:
        return
    of_unit = getattr(Duration, unit)
    raise ValueError(
        f"'{parameter}' must be from {of_unit(minimum).to_human_string()} to "
        f"{of_unit(maximum).to_human_string()} in whole {unit}, "
        f"got {value.to_human_string()}; omit it to {default}"
    )


def check_name(
    parameter: str, value: str, *, pattern: str, maximum: int, allowed: str, minimum: int = 1
) -> None:
    """Reject a name that the AWS service would reject.

    Parameters
    ----------
    parameter
        The parameter's name as the caller wrote it.
    value
        What was given.
    pattern
        The regular expression that the whole name must match.
    minimum, maximum
        The bounds of its length, in characters.
    allowed
        The rule in words.

    Raises
    ------
    ValueError
        If the name breaks the rule.
    """
    if is_token(value):
        return
    if minimum <= len(value) <= maximum and re.fullmatch(pattern, value):
        return
    raise ValueError(
        f"'{parameter}' must be {minimum} to {maximum} characters: {allowed}; got '{value}'"
    )
