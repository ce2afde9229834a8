"""One request to AWS, signed and sent by the program itself."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.client
import json
import re
import ssl
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from container_build.programs import AwsError, NoAnswerError

_TARGETS = {
    "ecr": "AmazonEC2ContainerRegistry_V20150921",
    "ecs": "AmazonEC2ContainerServiceV20141113",
    "ssm": "AmazonSSM",
}
_CREDENTIALS_HOST = "169.254.170.2"
_TIMEOUT = 20.0
_TYPE = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class Credentials:
    """What requests are signed with."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


def container_credentials(path: str) -> Credentials:
    """Ask for the credentials that CodeBuild gives its containers.

    Parameters
    ----------
    path
        Where they are (``AWS_CONTAINER_CREDENTIALS_RELATIVE_URI``).

    Returns
    -------
    Credentials
        The credentials.

    Raises
    ------
    AwsError
        If they cannot be read.
    """
    connection = http.client.HTTPConnection(_CREDENTIALS_HOST, timeout=_TIMEOUT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        # By its kind alone: the answer has the credentials.
        raise AwsError(f"the build's credentials cannot be read: {type(error).__name__}") from None
    finally:
        connection.close()


def post(
    endpoint: str,
    credentials: Credentials,
    *,
    service: str,
    region: str,
    operation: str,
    body: bytes,
) -> Any:
    """Ask a service for something, once.

    Parameters
    ----------
    endpoint
        The service's address.
    credentials
        Who asks.
    service, region
        Who is asked.
    operation
        The operation, in AWS's words.
    body
        Its parameters, as JSON.

    Returns
    -------
    Any
        The answer.

    Raises
    ------
    NoAnswerError
        If none comes.
    AwsError
        If AWS refuses.
    """
    url = urllib.parse.urlsplit(endpoint)
    headers = signed(
        credentials,
        host=url.netloc,
        service=service,
        region=region,
        target=f"{_TARGETS[service]}.{operation}",
        body=body,
        now=dt.datetime.now(dt.timezone.utc),  # noqa: UP017 - 3.9
    )
    try:
        connection = _connection(url)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswerError(
            f"{service} {operation} gave no answer: {error}", "ServiceUnavailable"
        ) from None
    return _read(service, operation, status, content)


def signed(
    credentials: Credentials,
    *,
    host: str,
    service: str,
    region: str,
    target: str,
    body: bytes,
    now: dt.datetime,
) -> dict[str, str]:
    """Sign a request by Signature Version 4.

    Parameters
    ----------
    credentials
        Who asks.
    host
        The host that is asked, with its port if it has one.
    service, region
        Whom the signature is for.
    target
        The operation.
    body
        The request's body.
    now
        The time, in UTC.

    Returns
    -------
    dict[str, str]
        The request's headers.

    Notes
    -----
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    time_stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {
        "content-type": _TYPE,
        "host": host,
        "x-amz-date": time_stamp,
        **({"x-amz-security-token": credentials.token} if credentials.token else {}),
        "x-amz-target": target,
    }
    names = ";".join(headers)
    canonical = "\n".join(
        [
            *("POST", "/", ""),
            *(f"{name}:{value}" for name, value in headers.items()),
            *("", names, hashlib.sha256(body).hexdigest()),
        ]
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", time_stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    key = f"AWS4{credentials.secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return {
        **headers,
        "authorization": f"AWS4-HMAC-SHA256 Credential={credentials.key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}",
    }


def _connection(url: urllib.parse.SplitResult) -> http.client.HTTPConnection:
    if url.scheme == "http":
        return http.client.HTTPConnection(url.netloc, timeout=_TIMEOUT)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(url.netloc, timeout=_TIMEOUT, context=context)


def _read(service: str, operation: str, status: int, content: bytes) -> Any:
    try:
        answer = json.loads(content, object_hook=_without_nulls)
    except ValueError:
        answer = None
    if status == 200:
        if answer is None:
            raise AwsError(f"{service} {operation} answered with no JSON")
        return answer
    error = answer if isinstance(answer, dict) else {}
    # Such as com.amazonaws.ecr#ScanNotFoundException:http://...
    code = re.sub(r".*#|:.*", "", str(error.get("__type") or error.get("code") or ""))
    if not code and status >= 500:
        code = "ServiceUnavailable"
    message = error.get("message") or error.get("Message") or f"HTTP status {status}"
    raise AwsError(
        f"An error occurred ({code or status}) when calling the {operation} operation: {message}",
        code,
    )


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is null, as botocore does and so the AWS CLI."""
    return {name: value for name, value in members.items() if value is not None}
