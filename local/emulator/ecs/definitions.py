"""Answers about task definitions, without the blanks that stand for what was not given."""

import json
from collections.abc import Callable
from typing import Any, Final

from ministack.core.responses import json_response
from ministack.services import ecs

from local.emulator.service import Response

_Handler = Callable[[dict[str, Any]], Response]
_OPERATIONS: Final = (
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
        given = told["taskDefinition"].items()
        told["taskDefinition"] = {name: value for name, value in given if value not in ("", None)}
        response: Response = json_response(told)
        return response

    return handle
