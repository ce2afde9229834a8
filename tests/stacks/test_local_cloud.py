"""The local cloud knows everything that the app's templates hold."""

from collections.abc import Callable
from typing import Any

from local.emulator import handled_types


def test_every_resource_type_of_the_templates_has_a_handler(
    templates: Callable[[dict[str, Any]], dict[str, Any]], delivery: dict[str, Any]
) -> None:
    types = {
        resource["Type"]
        for template in templates(delivery).values()
        for resource in template["Resources"].values()
        if not resource["Type"].startswith("Custom::")
    }
    assert types
    assert types <= handled_types()
