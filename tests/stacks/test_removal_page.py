"""docs/removal.md says what stays when stacks are deleted: the templates' own word for it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "removal.md"
ALL = "all of them"


def told() -> set[tuple[str, str]]:
    """Return the stacks and types of the table."""
    rows, stack = set(), ""
    for line in PAGE.read_text().splitlines():
        if match := re.match(r"\| ?(.*?) ?\| `((?:AWS|Custom)::[^`]+)` \|", line):
            stack = match[1].strip("`") or stack
            rows.add((stack, match[2]))
    return rows


@pytest.mark.parametrize("strategy", ["rolling", "blue-green"])
def test_the_page_names_what_stays(
    templates: Callable[[dict[str, Any]], dict[str, Any]],
    delivery: dict[str, Any],
    strategy: str,
) -> None:
    del delivery["services"][1:]
    delivery["services"][0].update(name="shop", strategy=strategy)
    delivery["monitoring"] = {"slack": {"parameter": "/slack", "channel": "C0123456789"}}
    delivery["platform"] = {"test_port": 8080}
    stay = {
        (ALL if resource["Type"] == "AWS::Logs::LogGroup" else stack, resource["Type"])
        for stack, template in templates(delivery).items()
        for resource in template["Resources"].values()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }
    assert stay == told()
    # Whoever deletes what stays has no key to think of.
    assert "AWS::KMS::Key" not in {
        resource["Type"]
        for template in templates(delivery).values()
        for resource in template["Resources"].values()
    }
