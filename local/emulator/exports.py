"""Exports that another stack imports: CloudFormation refuses to take them away, or to change them.

The emulator refuses to delete a stack whose exports are imported, and lets an update go on.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, stacks

_NAME: Final = 5
"""Which argument the stack's name is."""


def register() -> None:
    """Refuse updates of stacks by which others would lose what they import."""
    resolve: Callable[..., tuple[list[Any], dict[str, Mapping[str, Any]]]]
    resolve = stacks._resolve_stack_outputs

    def resolved(*given: Any) -> tuple[list[Any], dict[str, Mapping[str, Any]]]:
        outputs, exports = resolve(*given)
        before = cloudformation._stacks.get(given[_NAME], {}).get("Outputs", ())
        for output in before:
            name = output.get("ExportName")
            value = exports.get(name, {}).get("Value")
            if name and value != output["OutputValue"] and (users := sorted(_users(name))):
                fate = "deleted" if value is None else "updated"
                raise ValueError(
                    f"Export {name} cannot be {fate} as it is in use by {' and '.join(users)}"
                )
        return outputs, exports

    stacks._resolve_stack_outputs = resolved


def _users(export: str) -> Iterator[str]:
    for name, stack in cloudformation._stacks.items():
        gone = "DELETE_COMPLETE" in stack.get("StackStatus", "")
        if not gone and export in handlers._imported_export_names(stack, name):
            yield name
