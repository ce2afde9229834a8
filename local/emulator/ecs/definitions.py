"""Answers about task definitions, without the blanks that stand for what was not given."""

import json
from collections.abc import Callable
from typing import Any, Final

from ministack.core.responses import json_response
from ministack.services import ecs

from local.emulator.service import Response

_Handler = Callable[[dict[str, Any]], Response]
_OPERATIONS: Final = (
    "DeleteTaskDefinitions",
    "DeregisterTaskDefinition",
    "DescribeTaskDefinition",
    "RegisterTaskDefinition",
)


def register() -> None:
    """Put this over the emulator's operations."""
    for name in _OPERATIONS:
        ecs._ACTION_MAP[name] = _without_blanks(ecs._ACTION_MAP[name])


def _without_blanks(answer: _Handler) -> _Handler:
    def handle(request: dict[str, Any]) -> Response:
        answered = answer(request)
        if answered[0] >= 400:
            return answered
        told = json.loads(answered[2])
        if "taskDefinition" in told:
            told["taskDefinition"] = _given(told["taskDefinition"])
        else:
            told["taskDefinitions"] = [_given(one) for one in told["taskDefinitions"]]
        response: Response = json_response(told)
        return response

    return handle


def _given(definition: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in definition.items() if value not in ("", None)}
