"""Judges every request that a role makes over HTTP, before the emulator answers it."""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ministack import app
from ministack.core import iam_actions, lambda_runtime, router
from ministack.services import lambda_svc, sts

from local.emulator.permissions.judge import DeniedError, permissions
from local.emulator.permissions.requests import HttpRequest, checks
from local.emulator.service import Response

_caller: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("caller", default="")


def caller() -> str:
    """Return the ARN of the role whose request is served; nothing for whoever has no role."""
    return _caller.get()


def register() -> None:
    """Put the judge in front of all services."""
    answer: Callable[..., Awaitable[Any]] = app._dispatch_service_request

    async def judge(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, list[str]],
        request_id: str,
    ) -> Any:
        role = _role(headers, query)
        _caller.set(role)
        if role:
            parameters = app._routing_params(method, path, headers, body, query)
            service = router.detect_service(method, path, headers, parameters)
            request = HttpRequest(service, method, path, headers, body, parameters)
            denied = await asyncio.to_thread(_denied, role, request)
            if denied is not None:
                return _refusal(service, denied, headers, request_id)
        return await answer(method, path, headers, body, query, request_id)

    app._dispatch_service_request = judge
    _give_functions_their_roles()


def _role(headers: dict[str, str], query: dict[str, list[str]]) -> str:
    """Return the role of a request: what it has for a session token here, or STS's session."""
    token = headers.get("x-amz-security-token", "")
    if token.startswith("arn:"):
        return token
    session = sts._sessions.get(router.extract_access_key_id(headers, query)) or {}
    resource = session.get("Arn", "").split(":")
    if len(resource) < 6 or not resource[5].startswith("assumed-role/"):
        return ""
    return f"arn:aws:iam::{resource[4]}:role/{resource[5].split('/')[1]}"


def _denied(role: str, request: HttpRequest) -> DeniedError | None:
    try:
        for check in checks(request):
            permissions.demand(role, check.action, check.resource, check.context)
    except DeniedError as error:
        return error
    return None


def _refusal(
    service: str, denied: DeniedError, headers: dict[str, str], request_id: str
) -> Response:
    status, answered, body = iam_actions.access_denied_response(
        service,
        denied.action,
        "",
        request_id,
        headers=headers,
        message=str(denied),
        resource_arn=denied.resource,
    )
    return status, {**answered, "x-amzn-requestid": request_id}, body


def _give_functions_their_roles() -> None:
    credentials: Callable[[dict[str, Any]], dict[str, str]] = lambda_runtime.execution_credentials

    def with_role(configuration: dict[str, Any]) -> dict[str, str]:
        role = configuration.get("Role", "")
        if not _is_worth_its_role(configuration, role):
            # The function runs as nobody: each of its calls is denied.
            role += "/not-assumed"
        return {**credentials(configuration), "AWS_SESSION_TOKEN": role}

    lambda_runtime.execution_credentials = with_role
    lambda_svc.execution_credentials = with_role


def _is_worth_its_role(configuration: dict[str, Any], role: str) -> bool:
    """Judge what Lambda does by a function's role itself; without a log it runs all the same."""
    group = (configuration.get("LoggingConfig") or {}).get("LogGroup")
    group = group or f"/aws/lambda/{configuration['FunctionName']}"
    region, account = configuration["FunctionArn"].split(":")[3:5]
    stream = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:local"
    try:
        permissions.assume(role, "lambda.amazonaws.com")
    except DeniedError:
        return False
    for action in ("CreateLogStream", "PutLogEvents"):
        with contextlib.suppress(DeniedError):
            permissions.demand(role, f"logs:{action}", stream)
    return True
