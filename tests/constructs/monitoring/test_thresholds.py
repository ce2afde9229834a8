from typing import Any

import aws_cdk as cdk
import pytest

from container_pipelines import DEFAULT_THRESHOLDS, AlarmName, AnomalyBand, Threshold


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"value": 0}, r"'threshold.value' must be above 0, got 0; leave the alarm out"),
        ({"value": -1}, r"'threshold.value' must be above 0, got -1"),
        ({"value": 1, "periods": 0}, r"'threshold.periods' must be from 1 to 1440, got 0"),
        (
            {"value": 1, "periods": 3, "datapoints": 4},
            r"'threshold.datapoints' must be from 1 to 3, got 4; omit it to need all",
        ),
        (
            {"value": 1, "period": cdk.Duration.seconds(15)},
            r"'threshold.period' must be 10, 20 or 30 seconds, or whole minutes.*got 15 seconds",
        ),
        ({"value": 1, "period": cdk.Duration.seconds(90)}, r"'threshold.period' must be 10"),
        ({"value": 1, "period": cdk.Duration.days(2)}, r"'threshold.period' must be 10"),
        (
            {"value": 1, "period": cdk.Duration.minutes(5), "periods": 289},
            r"'threshold.periods' must together be at most 1 days, got 289 of 5 minutes",
        ),
        (
            {"value": 1, "period": cdk.Duration.hours(1), "periods": 169},
            r"'threshold.periods' must together be at most 7 days",
        ),
    ],
)
def test_bad_thresholds(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Threshold(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"value": 0.5},
        {"value": 1, "period": cdk.Duration.seconds(10), "periods": 1440},
        {"value": 1, "period": cdk.Duration.minutes(5), "periods": 288},
        {"value": 1, "period": cdk.Duration.hours(1), "periods": 168},
        {"value": 1, "periods": 3, "datapoints": 3},
    ],
)
def test_the_bounds_themselves(options: dict[str, Any]) -> None:
    Threshold(**options)


def test_tokens_are_never_checked() -> None:
    number = cdk.Token.as_number({"Ref": "Number"})
    Threshold(value=number, periods=number, datapoints=2, period=cdk.Duration.minutes(number))
    AnomalyBand(deviations=number)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"deviations": 0}, r"'anomaly_band.deviations' must be from 0.1 to 10, got 0"),
        ({"deviations": 11}, r"'anomaly_band.deviations' must be from 0.1 to 10, got 11"),
        ({"periods": 0}, r"'anomaly_band.periods' must be from 1"),
        ({"period": cdk.Duration.seconds(1)}, r"'anomaly_band.period' must be 10"),
    ],
)
def test_bad_bands(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnomalyBand(**options)


def test_every_alarm_but_the_one_on_request_has_a_default() -> None:
    assert set(AlarmName) - set(DEFAULT_THRESHOLDS) == {AlarmName.UNUSUAL_DURATION}
