"""How a shift of traffic is read and drawn."""

from typing import Any

import pytest

from local.traffic import Shift, bar, moved, weights_of


def forward(**weights: int) -> dict[str, Any]:
    groups = [{"TargetGroupArn": group, "Weight": weight} for group, weight in weights.items()]
    return {"Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]}


@pytest.mark.parametrize(
    ("rule", "weights"),
    [
        (forward(blue=80, green=20), {"blue": 80, "green": 20}),
        ({"Actions": [{"Type": "forward", "TargetGroupArn": "blue"}]}, {"blue": 1}),
        ({"Actions": [{"Type": "fixed-response"}]}, {}),
    ],
)
def test_a_rule_has_weights(rule: dict[str, Any], weights: dict[str, int]) -> None:
    assert weights_of(rule) == weights


@pytest.mark.parametrize(
    ("before", "now", "percent"),
    [
        ({"blue": 100, "green": 0}, {"blue": 100, "green": 0}, 0),
        ({"blue": 100, "green": 0}, {"blue": 80, "green": 20}, 20),
        ({"blue": 100, "green": 0}, {"blue": 0, "green": 100}, 100),
        ({"blue": 0, "green": 100}, {"blue": 1, "green": 2}, 33),
        ({"blue": 1}, {"green": 1}, 100),
        ({"blue": 100}, {"blue": 0, "green": 0}, 0),
        ({}, {}, 0),
    ],
)
def test_what_has_moved_is_what_goes_elsewhere_than_before(
    before: dict[str, int], now: dict[str, int], percent: int
) -> None:
    assert moved(before, now) == percent


@pytest.mark.parametrize(("percent", "cells"), [(0, 0), (1, 0), (20, 4), (99, 19), (100, 20)])
def test_a_shift_is_a_bar(percent: int, cells: int) -> None:
    drawn = bar(Shift(stage="PRODUCTION_TRAFFIC_SHIFT", percent=percent))
    assert drawn == (
        "█" * cells
        + "░" * (20 - cells)
        + f" {percent:3} % of traffic on new tasks, production traffic shift"
    )
