"""Weak references between stacks: ``Fn::GetStackOutput``.

The emulator resolves them while it deploys. It does not see, though, that a reference means
something new: its change sets compare templates, and the template is the same. Then a consumer
would never take over a changed output.
"""

import copy
from collections.abc import Callable
from typing import Any, TypeAlias

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine

_REFERENCE = "Fn::GetStackOutput"
_Resolve: TypeAlias = Callable[[Any, Any, str, str], dict[str, Any]]


def register() -> None:
    """Make change sets notice a changed output of another stack."""
    original: _Resolve = changesets._resolve_props_for_diff

    def resolve(template: Any, params: Any, stack_name: str, stack_id: str) -> dict[str, Any]:
        resolved = original(template, params, stack_name, stack_id)
        stack = cloudformation._stacks.get(stack_name)
        # The emulator calls this twice: with the template that is deployed, and the wanted one.
        if stack is not None and template is stack.get("_template"):
            _put_deployed_values(resolved, template, params, stack)
        return resolved

    changesets._resolve_props_for_diff = resolve


def _put_deployed_values(
    resolved: dict[str, Any], template: dict[str, Any], params: Any, stack: dict[str, Any]
) -> None:
    """Put the deployed value of each property whose reference has changed into the old side."""
    conditions = engine._evaluate_conditions(template, params)
    for logical_id, resource in template.get("Resources", {}).items():
        deployed = stack["_resources"].get(logical_id)
        if deployed is None:
            continue
        for name, value in (resource.get("Properties") or {}).items():
            if not _refers(value):
                continue
            try:
                now = engine._resolve_refs(
                    copy.deepcopy(value),
                    stack["_resources"],
                    params,
                    conditions,
                    template.get("Mappings", {}),
                    stack["StackName"],
                    stack["StackId"],
                )
            except ValueError:
                # The output is gone: the deployment will say so.
                now = None
            if now != deployed["Properties"].get(name):
                resolved["Resources"][logical_id]["Properties"] = {
                    **resolved["Resources"][logical_id]["Properties"],
                    name: deployed["Properties"].get(name),
                }


def _refers(value: Any) -> bool:
    if isinstance(value, dict):
        return _REFERENCE in value or any(_refers(entry) for entry in value.values())
    return isinstance(value, list) and any(_refers(entry) for entry in value)
