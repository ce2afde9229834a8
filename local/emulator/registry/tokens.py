"""Passwords for the registry: only those that ECR has issued are any good."""

import base64
import binascii
import secrets
import time
from typing import Any

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import ecr

from local.emulator.scope import Scope, current
from local.emulator.service import Handler, Response

_LIFETIME = 12 * 60 * 60

# password -> account, region and end of validity
tokens: dict[str, list[Any]] = {}


def issue(_: dict[str, Any]) -> dict[str, Any]:
    """Answer GetAuthorizationToken."""
    scope = current()
    password, expires = secrets.token_urlsafe(96), time.time() + _LIFETIME
    tokens[password] = [scope.account, scope.region, expires]
    return {
        "authorizationData": [
            {
                "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
                "expiresAt": expires,
                "proxyEndpoint": f"https://{scope.account}.dkr.ecr.{scope.region}.amazonaws.com",
            }
        ]
    }


def demand_tokens() -> None:
    """Make the registry refuse those who bring no token."""
    original: Handler = ecr.handle_registry_request

    async def handle(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, list[str]],
    ) -> Response:
        owner = _owner(headers.get("authorization", ""))
        if owner is None:
            return _unauthorized(headers.get("host", ""))
        # Such a request has no signature to take the account from.
        set_request_account_id(owner.account)
        set_request_region(owner.region)
        return await original(method, path, headers, body, query_params)

    ecr.handle_registry_request = handle


def _owner(authorization: str) -> Scope | None:
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    account, region, expires = tokens.get(password, ["", "", 0.0])
    if user != "AWS" or expires < time.time():
        return None
    return Scope(account, region)


def _unauthorized(host: str) -> Response:
    status, headers, body = ecr._registry_error(
        401,
        "UNAUTHORIZED",
        "Your authorization token is missing, wrong or expired: GetAuthorizationToken gives one.",
    )
    challenge = f'Basic realm="https://{host}/",service="ecr.amazonaws.com"'
    return status, {**headers, "WWW-Authenticate": challenge}, body
