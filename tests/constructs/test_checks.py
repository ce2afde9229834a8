import math
from typing import Any

import aws_cdk as cdk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_pipelines._checks import (
    check_duration,
    check_name,
    check_range,
    is_token,
)


@pytest.mark.parametrize("value", [1, 5, 10])
def test_a_number_within_the_bounds_passes(value: int) -> None:
    check_range("size", value, minimum=1, maximum=10, default="use 5")


@pytest.mark.parametrize("value", [0, 11])
def test_a_number_outside_says_what_is_allowed_what_came_and_the_fix(value: int) -> None:
    with pytest.raises(
        ValueError, match=rf"'size' must be from 1 to 10, got {value}; omit .* use 5"
    ):
        check_range("size", value, minimum=1, maximum=10, default="use 5")


def test_a_duration_is_compared_across_units() -> None:
    bounds: Any = {"minimum": 60, "maximum": 3600}
    check_duration("wait", cdk.Duration.seconds(60), **bounds, default="wait")
    check_duration("wait", cdk.Duration.hours(1), **bounds, default="wait")
    with pytest.raises(
        ValueError, match="from 1 minute to 1 hour in whole seconds, got 59 seconds"
    ):
        check_duration("wait", cdk.Duration.seconds(59), **bounds, default="wait")
    with pytest.raises(ValueError, match="got 1 hour 1 minute"):
        check_duration("wait", cdk.Duration.minutes(61), **bounds, default="wait")


def test_a_fraction_of_the_unit_is_rejected() -> None:
    bounds: Any = {"minimum": 1, "maximum": 60, "unit": "minutes", "default": "wait"}
    check_duration("wait", cdk.Duration.minutes(2), **bounds)
    with pytest.raises(
        ValueError, match="1 minute to 1 hour in whole minutes, got 1 minute 30 seconds"
    ):
        check_duration("wait", cdk.Duration.seconds(90), **bounds)
    with pytest.raises(ValueError, match="in whole seconds"):
        check_duration("wait", cdk.Duration.millis(60500), minimum=60, maximum=3600, default="wait")


@pytest.mark.parametrize("value", ["", "a/b", "x" * 11])
def test_a_name_outside_of_the_pattern_or_length_is_rejected(value: str) -> None:
    with pytest.raises(ValueError, match=r"'name' must be 1 to 10 characters: letters; got"):
        check_name("name", value, pattern="[a-z]+", maximum=10, allowed="letters")


def test_tokens_are_never_checked() -> None:
    number = cdk.Token.as_number({"Ref": "Number"})
    text = cdk.Token.as_string({"Ref": "Text"})
    check_range("size", number, minimum=1, maximum=10, default="use 5")
    check_name("name", text, pattern="[a-z]+", maximum=3, allowed="letters")
    check_duration(
        "wait",
        cdk.Duration.minutes(number),
        minimum=60,
        maximum=120,
        default="wait",
    )


NUMBER_TOKEN = cdk.Token.as_number({"Ref": "Number"})
# What the forms of a token consist of, so that generated texts come close to it, and to it.
PIECES = (
    "${",
    "#{",
    "Token",
    "[",
    "TOKEN.12",
    "a:b_c-",
    "é",
    " ",
    "]",
    "}",
    "-1.888154589708",
    "e+289",
)


@given(
    st.one_of(
        st.lists(st.sampled_from(PIECES), max_size=7).map("".join),
        st.text(),
        st.sampled_from([cdk.Token.as_string({"Ref": "Text"}), f"Token[] {NUMBER_TOKEN}"]),
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(min_value=-(2.0**962), max_value=-(2.0**959)),
        st.integers(min_value=-(2**53), max_value=2**53),
        st.sampled_from(
            [
                NUMBER_TOKEN,
                *(
                    math.nextafter(bound, to)
                    for bound in (-(2.0**961), -1.9375 * 2.0**960)
                    for to in (-math.inf, bound, math.inf)
                ),
            ]
        ),
    )
)
@settings(max_examples=300, deadline=None)
def test_a_token_is_what_the_cdk_calls_one(value: str | float) -> None:
    assert is_token(value) == cdk.Token.is_unresolved(value)


def test_an_object_that_resolves_later_is_a_token() -> None:
    assert is_token(cdk.Fn.get_att("Resource", "Arn"))
    assert not is_token(cdk.Duration.minutes(1))
