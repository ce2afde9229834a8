"""Weights of target groups: from templates, by the API, and through updates of a stack."""

import pytest

from tests.local.emulator.balanced import Balanced, resource, template, weighted
from tests.local.emulator.driver import Emulator


@pytest.fixture
def balanced(emulator: Emulator) -> Balanced:
    return Balanced(emulator)


def test_a_template_gives_weights(balanced: Balanced) -> None:
    assert balanced.weights() == (100, 0)
    assert "TargetGroupArn" not in balanced.action()


def test_one_group_is_reported_in_both_ways(balanced: Balanced) -> None:
    (listener,) = balanced.api.describe_listeners(ListenerArns=[balanced.names["Listener"]])[
        "Listeners"
    ]
    (action,) = listener["DefaultActions"]
    blue = balanced.names["Blue"]
    assert action["TargetGroupArn"] == blue
    assert action["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": blue, "Weight": 1}]


def test_a_rule_and_a_listener_can_be_modified(balanced: Balanced) -> None:
    balanced.shift(60, 40)
    assert balanced.weights() == (60, 40)
    green = balanced.names["Green"]
    balanced.api.modify_rule(
        RuleArn=balanced.names["Rule"], Actions=[{"Type": "forward", "TargetGroupArn": green}]
    )
    assert balanced.action()["TargetGroupArn"] == green
    balanced.api.modify_listener(
        ListenerArn=balanced.names["Listener"],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": green}],
    )
    rules = balanced.api.describe_rules(ListenerArn=balanced.names["Listener"])["Rules"]
    (default,) = [rule for rule in rules if rule["IsDefault"]]
    assert default["Actions"][0]["TargetGroupArn"] == green


def test_an_update_of_something_else_leaves_the_weights_alone(balanced: Balanced) -> None:
    balanced.shift(0, 100)
    changed = template(weighted(100, 0))
    changed["Resources"]["More"] = resource("SSM::Parameter", Type="String", Value="x")
    balanced.update(changed)
    assert balanced.weights() == (0, 100)


def test_an_update_of_the_rule_writes_it_as_a_whole(balanced: Balanced) -> None:
    balanced.shift(0, 100)
    balanced.update(template(weighted(100, 0), path="/shop/*"))
    assert balanced.weights() == (100, 0)
