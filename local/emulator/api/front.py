"""Holds every request and every answer of the services that are ours against AWS's models."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ministack import app
from ministack.core import router
from ministack.core.responses import error_response_json

from local.emulator.api.models import (
    InvalidAnswerError,
    InvalidRequestError,
    check_answer,
    check_request,
    knows,
)

# What the emulator answers in AWS's JSON protocol with code of ours, alone or over its own.
_CHECKED: Final = frozenset(
    {
        "application-autoscaling",
        "codebuild",
        "codecommit",
        "codeconnections",
        "codedeploy",
        "codepipeline",
        "codestar-connections",
        "ecr",
        "ecs",
    }
)

_log = logging.getLogger(__name__)


def register() -> None:
    """Put the check in front of all services."""
    answer: Callable[..., Awaitable[Any]] = app._dispatch_service_request

    async def check(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, list[str]],
        request_id: str,
    ) -> Any:
        async def unchecked() -> Any:
            return await answer(method, path, headers, body, query, request_id)

        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if not operation:
            return await unchecked()
        service = router.detect_service(method, path, headers, query)
        if service not in _CHECKED or not knows(service, operation):
            return await unchecked()
        try:
            check_request(service, operation, json.loads(body or b"{}"))
        except InvalidRequestError as error:
            return error_response_json(error.code, str(error), 400)
        except ValueError:
            return error_response_json("SerializationException", "The request is not JSON.", 400)
        answered = await unchecked()
        status, _, content = answered
        if status == 200:
            try:
                check_answer(service, operation, json.loads(content or b"{}"))
            except InvalidAnswerError as error:
                _log.exception("An answer is not AWS's")
                return error_response_json("InternalFailure", str(error), 500)
        return answered

    app._dispatch_service_request = check
