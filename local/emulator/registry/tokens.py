"""Passwords for the registry: only those that ECR has issued are any good."""

import asyncio
import base64
import binascii
import re
import secrets
import time
from typing import Any, Final

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import ecr

from local.emulator.permissions import DeniedError, permissions
from local.emulator.permissions.front import caller
from local.emulator.scope import Scope, arn, current
from local.emulator.service import Handler, Response

_LIFETIME = 12 * 60 * 60
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
_ACTIONS: Final = {
    ("manifest", "GET"): "BatchGetImage",
    ("manifest", "HEAD"): "BatchGetImage",
    ("manifest", "PUT"): "PutImage",
    ("blob", "GET"): "GetDownloadUrlForLayer",
    ("blob", "HEAD"): "BatchCheckLayerAvailability",
    ("blob_uploads", "POST"): "InitiateLayerUpload",
    ("blob_upload_session", "PATCH"): "UploadLayerPart",
    ("blob_upload_session", "PUT"): "CompleteLayerUpload",
}
_REGISTRY: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com"
    r"/(?P<name>[^:@]+)"
)

# password -> account, region, end of validity, and the role that it was issued to, if any
tokens: dict[str, list[Any]] = {}


def issue(_: dict[str, Any]) -> dict[str, Any]:
    """Answer GetAuthorizationToken."""
    scope = current()
    password = issue_to(caller())
    return {
        "authorizationData": [
            {
                "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
                "expiresAt": tokens[password][2],
                "proxyEndpoint": f"https://{scope.account}.dkr.ecr.{scope.region}.amazonaws.com",
            }
        ]
    }


def issue_to(role: str) -> str:
    """Return a new password for the user ``AWS``; with no role, nobody asks what it is for."""
    scope = current()
    password = secrets.token_urlsafe(96)
    tokens[password] = [scope.account, scope.region, time.time() + _LIFETIME, role]
    return password


def repository_of(image: str) -> str | None:
    """Return the ARN of the repository that an image is in; None where it is not in ECR."""
    found = _REGISTRY.match(image)
    if found is None:
        return None
    return "arn:aws:ecr:{region}:{account}:repository/{name}".format_map(found.groupdict())


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
        found = _owner(headers.get("authorization", ""))
        if found is None:
            return _unauthorized(headers.get("host", ""))
        owner, role = found
        # Such a request has no signature to take the account from.
        set_request_account_id(owner.account)
        set_request_region(owner.region)
        verb, name, _ = ecr._parse_v2_path(path) or ("", "", "")
        if action := _ACTIONS.get((verb, method.upper())):
            repository = arn("ecr", f"repository/{name}")
            try:
                await asyncio.to_thread(permissions.demand, role, f"ecr:{action}", repository)
            except DeniedError as error:
                denied: Response = ecr._registry_error(403, "DENIED", str(error))
                return denied
        return await original(method, path, headers, body, query_params)

    ecr.handle_registry_request = handle


def _owner(authorization: str) -> tuple[Scope, str] | None:
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    account, region, expires, role = tokens.get(password, ["", "", 0.0, ""])
    if user != "AWS" or expires < time.time():
        return None
    return Scope(account, region), role


def _unauthorized(host: str) -> Response:
    status, headers, body = ecr._registry_error(
        401,
        "UNAUTHORIZED",
        "Your authorization token is missing, wrong or expired: GetAuthorizationToken gives one.",
    )
    challenge = f'Basic realm="https://{host}/",service="ecr.amazonaws.com"'
    return status, {**headers, "WWW-Authenticate": challenge}, body
