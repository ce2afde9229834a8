"""Stack events of updates: of the resources that change, and of no others.

The emulator goes through all resources of a stack and records an update for each; AWS records none
for a resource that stays as it is.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from ministack.services import cloudformation
from ministack.services.cloudformation import stacks

_Update: TypeAlias = Callable[..., tuple[tuple[str, dict[str, Any]], str]]


def register() -> None:
    """Take the events of unchanged resources back."""
    original_update: _Update = stacks._update_keeping_seed
    original_event: Callable[..., None] = stacks._add_event
    unchanged: set[tuple[str, str]] = set()

    def update(
        resource_type: str,
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        stack: str,
        logical_id: str,
        *rest: Any,
    ) -> tuple[tuple[str, dict[str, Any]], str]:
        if old == new:
            unchanged.add((stack, logical_id))
        return original_update(resource_type, physical_id, old, new, stack, logical_id, *rest)

    def add_event(
        stack_id: str,
        stack: str,
        logical_id: str,
        resource_type: str,
        status: str,
        *rest: Any,
        **more: Any,
    ) -> None:
        if status == "UPDATE_COMPLETE" and (stack, logical_id) in unchanged:
            unchanged.discard((stack, logical_id))
            events = cloudformation._stack_events[stack_id]
            if events[-1]["LogicalResourceId"] == logical_id:
                events.pop()
            return
        original_event(stack_id, stack, logical_id, resource_type, status, *rest, **more)

    stacks._update_keeping_seed = update
    stacks._add_event = add_event
