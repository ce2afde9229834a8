"""Custom resources whose function breaks: they fail with the cause.

AWS waits an hour for the answer of such a function, and so does the emulator. Here nobody wants to
wait, and nobody would look into the function's log.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource

_Execute = Callable[[Any, dict[str, Any]], Any]


def register() -> None:
    """Answer for functions that have broken."""
    execute: _Execute = lambda_svc._execute_function_with_config_scope

    def execute_and_answer(function: Any, event: dict[str, Any]) -> Any:
        result = execute(function, event)
        is_custom_resource = isinstance(event, dict) and "LogicalResourceId" in event
        if is_custom_resource and isinstance(result, dict) and result.get("error"):
            token = event["ResponseURL"].rpartition("/")[2]
            _fail_unless_answered(token, f"The function broke: {_cause(result)}")
        return result

    lambda_svc._execute_function_with_config_scope = execute_and_answer


def _fail_unless_answered(token: str, reason: str) -> None:
    pending = custom_resource._pending.get(token)
    if pending is not None and pending["result"] is None:
        custom_resource.deliver_response(token, {"Status": "FAILED", "Reason": reason})


def _cause(result: dict[str, Any]) -> str:
    body = result.get("body")
    return str(body.get("errorMessage", body) if isinstance(body, dict) else body)
