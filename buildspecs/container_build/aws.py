"""Questions to AWS: signed by the program itself where it can, and else asked by the AWS CLI.

The CLI takes half a second to start, which a build that asks for a login, tags and scans would pay
each time. Asked directly are the services whose protocol is JSON over HTTPS, with credentials that
stand in the environment or that CodeBuild gives its containers. For everything that is less
plain (profiles, proxies, other credentials, other endpoints of AWS) the CLI is asked.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container_build.programs import AwsError, Programs

if TYPE_CHECKING:
    from container_build.direct import Credentials

_HOSTS = {"ecr": "api.ecr"}
_CREDENTIALS_SECONDS = 300.0
_PAUSES = (0.5, 1.0, 2.0)
_PASSING = re.compile(r"Throttl|TooManyRequests|ServerException|InternalFailure|ServiceUnavailable")
# What would make the CLI ask in another way than plainly.
_NOT_PLAIN = (
    *("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN"),
    *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_CA_BUNDLE"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"),
)


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
        # Only here, since TLS takes longer to load than all the rest of the program.
        from container_build.direct import post

        return post(
            self._endpoint(service, region),
            self._credentials(),
            service=service,
            region=region,
            operation=operation,
            body=json.dumps(request).encode(),
        )

    def _endpoint(self, service: str, region: str) -> str:
        named = self._environment.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        named = named or self._environment.get("AWS_ENDPOINT_URL")
        return named or f"https://{_HOSTS.get(service, service)}.{region}.{self._domain}"

    def _credentials(self) -> Credentials:
        from container_build.direct import Credentials, container_credentials

        known = self._environment
        if known.get("AWS_ACCESS_KEY_ID"):
            return Credentials(
                known["AWS_ACCESS_KEY_ID"],
                known["AWS_SECRET_ACCESS_KEY"],
                known.get("AWS_SESSION_TOKEN", ""),
            )
        now = time.monotonic()
        if self._known is None or now - self._known[0] > _CREDENTIALS_SECONDS:
            path = known["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
            self._known = (now, container_credentials(path))
        return self._known[1]
