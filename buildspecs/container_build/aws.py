"""Questions to AWS: signed by the program itself where it can, and else asked by the AWS CLI.

The CLI takes half a second to start, which a build that asks for a login, tags and scans would pay
each time. Asked directly are the services whose protocol is JSON over HTTPS, with credentials that
stand in the environment or that CodeBuild gives its containers. For everything that is less
plain (profiles, proxies, other credentials, other endpoints of AWS) the CLI is asked.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.client
import json
import re
import ssl
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from container_build.programs import AwsError, NoAnswerError, Programs

_TARGETS = {
    "ecr": "AmazonEC2ContainerRegistry_V20150921",
    "ecs": "AmazonEC2ContainerServiceV20141113",
    "ssm": "AmazonSSM",
}
_HOSTS = {"ecr": "api.ecr"}
_CREDENTIALS_HOST = "169.254.170.2"
_CREDENTIALS_SECONDS = 300.0
_TIMEOUT = 20.0
_PAUSES = (0.5, 1.0, 2.0)
_PASSING = re.compile(r"Throttl|TooManyRequests|ServerException|InternalFailure|ServiceUnavailable")
_TYPE = "application/x-amz-json-1.1"
# What would make the CLI ask in another way than plainly.
_NOT_PLAIN = (
    *("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN"),
    *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_CA_BUNDLE"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"),
)


@dataclass(frozen=True)
class Credentials:
    """What requests are signed with."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


class Aws:
    """Asks AWS.

    Parameters
    ----------
    programs
        Runs the AWS CLI.
    environment
        The build's clean environment.
    domain
        The domain of AWS's partition, such as ``amazonaws.com``.
    sleep
        Waits for some seconds.
    """

    def __init__(
        self,
        programs: Programs,
        environment: Mapping[str, str],
        domain: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._programs = programs
        self._environment = environment
        self._domain = domain
        self._region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", "")
        self._sleep = sleep
        self._known: tuple[float, Credentials] | None = None

    def ask(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        region: str = "",
        *,
        is_patient: bool = True,
    ) -> Any:
        """Ask for something.

        Parameters
        ----------
        service
            ``ecr``, ``ecs`` or ``ssm``.
        operation
            The operation, in AWS's words.
        request
            Its parameters.
        region
            The region; the build's own by default.
        is_patient
            Whether what may pass by itself is tried again for some seconds.

        Returns
        -------
        Any
            The answer.

        Raises
        ------
        AwsError
            If AWS refuses, or cannot be asked.
        """
        region = region or self._region
        if not (region and self._is_plain()):
            return self._by_cli(service, operation, request, region)
        for pause in (*_PAUSES, None):
            try:
                return self._directly(service, operation, request, region)
            except AwsError as error:
                if not is_patient or pause is None or not _PASSING.search(error.code):
                    raise
                self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _is_plain(self) -> bool:
        known = self._environment
        if any(known.get(name) for name in _NOT_PLAIN):
            return False
        if known.get("AWS_ACCESS_KEY_ID") and known.get("AWS_SECRET_ACCESS_KEY"):
            return True
        # The CLI prefers credentials in its files to those of the container.
        settings = Path(known.get("HOME", "/"), ".aws")
        has_files = (settings / "config").exists() or (settings / "credentials").exists()
        return bool(known.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) and not has_files

    def _by_cli(self, service: str, operation: str, request: Mapping[str, Any], region: str) -> Any:
        command = re.sub(r"(?<!^)([A-Z])", r"-\1", operation).lower()
        options = ["--region", region] if region else []
        # Page by page: older releases of the CLI merge the pages themselves and then lose all
        # enhanced findings but the first page's.
        return self._programs.aws(
            *(service, command, *options, "--no-paginate"),
            *("--cli-input-json", json.dumps(request)),
        )

    def _directly(
        self, service: str, operation: str, request: Mapping[str, Any], region: str
    ) -> Any:
        url = urllib.parse.urlsplit(self._endpoint(service, region))
        body = json.dumps(request).encode()
        headers = signed(
            self._credentials(),
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

    def _endpoint(self, service: str, region: str) -> str:
        named = self._environment.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        named = named or self._environment.get("AWS_ENDPOINT_URL")
        return named or f"https://{_HOSTS.get(service, service)}.{region}.{self._domain}"

    def _credentials(self) -> Credentials:
        known = self._environment
        if known.get("AWS_ACCESS_KEY_ID"):
            return Credentials(
                known["AWS_ACCESS_KEY_ID"],
                known["AWS_SECRET_ACCESS_KEY"],
                known.get("AWS_SESSION_TOKEN", ""),
            )
        now = time.monotonic()
        if self._known is None or now - self._known[0] > _CREDENTIALS_SECONDS:
            self._known = (now, self._ask_for_credentials())
        return self._known[1]

    def _ask_for_credentials(self) -> Credentials:
        path = self._environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
        connection = http.client.HTTPConnection(_CREDENTIALS_HOST, timeout=_TIMEOUT)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            found = json.loads(answer.read())
            return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            # By its kind alone: the answer has the credentials.
            raise AwsError(
                f"the build's credentials cannot be read: {type(error).__name__}"
            ) from None
        finally:
            connection.close()


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
