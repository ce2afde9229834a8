import aws_cdk as cdk
import pytest

from container_pipelines._checks import check_duration, check_name, check_one_of, check_range


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
    bounds = {"minimum": cdk.Duration.minutes(1), "maximum": cdk.Duration.hours(1)}
    check_duration("wait", cdk.Duration.seconds(60), **bounds, default="wait")
    check_duration("wait", cdk.Duration.hours(1), **bounds, default="wait")
    with pytest.raises(
        ValueError, match="from 1 minute to 1 hour in whole seconds, got 59 seconds"
    ):
        check_duration("wait", cdk.Duration.seconds(59), **bounds, default="wait")
    with pytest.raises(ValueError, match="got 1 hour 1 minute"):
        check_duration("wait", cdk.Duration.minutes(61), **bounds, default="wait")


def test_a_fraction_of_the_unit_is_rejected() -> None:
    bounds = {"minimum": cdk.Duration.minutes(1), "maximum": cdk.Duration.hours(1)}
    check_duration("wait", cdk.Duration.minutes(2), **bounds, default="wait", unit="minutes")
    with pytest.raises(ValueError, match="in whole minutes, got 1 minute 30 seconds"):
        check_duration("wait", cdk.Duration.seconds(90), **bounds, default="wait", unit="minutes")
    with pytest.raises(ValueError, match="in whole seconds"):
        check_duration("wait", cdk.Duration.millis(60500), **bounds, default="wait")


@pytest.mark.parametrize("value", ["", "a/b", "x" * 11])
def test_a_name_outside_of_the_pattern_or_length_is_rejected(value: str) -> None:
    with pytest.raises(ValueError, match=r"'name' must be 1 to 10 characters: letters; got"):
        check_name("name", value, pattern="[a-z]+", maximum=10, allowed="letters")


def test_a_choice_lists_what_is_allowed() -> None:
    check_one_of("mode", "b", ["a", "b"], fix="choose one")
    with pytest.raises(ValueError, match="'mode' must be one of 'a', 'b', got 'c'; choose one"):
        check_one_of("mode", "c", ["a", "b"], fix="choose one")


def test_tokens_are_never_checked() -> None:
    number = cdk.Token.as_number({"Ref": "Number"})
    text = cdk.Token.as_string({"Ref": "Text"})
    check_range("size", number, minimum=1, maximum=10, default="use 5")
    check_name("name", text, pattern="[a-z]+", maximum=3, allowed="letters")
    check_one_of("mode", text, ["a"], fix="choose")
    check_duration(
        "wait",
        cdk.Duration.minutes(number),
        minimum=cdk.Duration.minutes(1),
        maximum=cdk.Duration.minutes(2),
        default="wait",
    )
