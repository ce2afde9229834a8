"""What CloudFormation tells EventBridge of stacks: each change of their status.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-stack-status-change.html
"""

from collections.abc import Callable
from typing import Any, Final

from ministack.services.cloudformation import stacks

from local.emulator import scope
from local.emulator.events import emit

_STACK: Final = "AWS::CloudFormation::Stack"


def register() -> None:
    """Send an event with each stack event that is about the stack itself."""
    original: Callable[..., None] = stacks._add_event

    def add_event(
        stack_id: str,
        stack: str,
        logical_id: str,
        resource_type: str,
        status: str,
        reason: str = "",
        *rest: Any,
        **more: Any,
    ) -> None:
        original(stack_id, stack, logical_id, resource_type, status, reason, *rest, **more)
        if (resource_type, logical_id) == (_STACK, stack):
            detail = {
                "stack-id": stack_id,
                "status-details": {"status": status, "status-reason": reason},
            }
            # A rule may start what asks CloudFormation again.
            scope.in_background(
                "stack-event",
                emit,
                "aws.cloudformation",
                "CloudFormation Stack Status Change",
                detail,
                [stack_id],
            )

    stacks._add_event = add_event
