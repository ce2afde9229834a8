"""The container engine's ``docker`` command, as far as ECS needs it."""

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ministack.core.responses import request_scope

from local.emulator.registry import tokens

_ECR: Final = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com$")
_LOGIN_SECONDS: Final = 10 * 60 * 60
_MISSING: Final = re.compile(r"not found|manifest unknown|does not exist", re.IGNORECASE)


class DockerError(Exception):
    """The engine refuses; the message is the engine's."""


class Docker:
    """A container engine.

    Parameters
    ----------
    environment
        What a process needs beside its own environment to use the engine; see
        `local.engine.Engine`.
    configuration
        Folder for the settings of ``docker``: the builds' own are none of ours, nor our passwords
        theirs.
    """

    def __init__(self, environment: Mapping[str, str], configuration: Path) -> None:
        self._environment = {**environment, "DOCKER_CONFIG": str(configuration)}
        self._logged_in: dict[str, float] = {}
        self._logging_in = threading.Lock()

    @property
    def namespace(self) -> Path | None:
        """The network namespace in which containers have their addresses; None: our own."""
        path = self._environment.get("CONTAINER_NETWORK_NAMESPACE")
        return Path(path) if path else None

    def pull(self, image: str) -> str | None:
        """Pull an image; returns its digest in the registry that it is from.

        Raises
        ------
        DockerError
            In the words in which Fargate tells of it.
        """
        self._log_in(image.partition("/")[0])
        try:
            self._run("pull", "--quiet", image)
        except DockerError as error:
            cause = f"{image}: not found" if _MISSING.search(str(error)) else str(error)
            raise DockerError(
                "pull image manifest has been retried 1 time(s): failed to resolve ref "
                f"{image}: {cause}"
            ) from error
        listed = json.loads(
            self._run("image", "inspect", "--format", "{{json .RepoDigests}}", image)
        )
        digests = {each.rpartition("@")[2] for each in listed or ()}
        named = image.partition("@")[2]
        return named or (digests.pop() if len(digests) == 1 else None)

    def create(self, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
        """Create a container from the arguments of ``docker create``; returns its id.

        The values of its environment go another way than the arguments: every process can read
        those.
        """
        options, handed = [], {}
        ours = {**os.environ, **self._environment}
        for name, value in environment.items():
            if name in ours:
                options += ["--env", f"{name}={value}"]
            else:
                options += ["--env", name]
                handed[name] = value
        if label := self._environment.get("CONTAINER_LABEL"):
            options += ["--label", label]
        return self._run("create", "--pull", "never", *options, *arguments, handed=handed)

    def start(self, container: str) -> "subprocess.Popen[bytes]":
        """Start a container; the process gives its output, and ends with it."""
        return subprocess.Popen(
            ["docker", "start", "--attach", container],
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def inspect(self, container: str) -> Mapping[str, Any]:
        """Return what the engine knows of a container."""
        found: Mapping[str, Any] = json.loads(
            self._run("container", "inspect", "--format", "{{json .}}", container)
        )
        return found

    def stop(self, container: str, seconds: int) -> None:
        """Send SIGTERM, and SIGKILL after so many seconds."""
        self._run("stop", "--time", str(seconds), container)

    def remove(self, containers: Sequence[str], volumes: Sequence[str]) -> None:
        """Remove containers and named volumes, whatever they do."""
        if containers:
            self._run("container", "rm", "--force", "--volumes", *containers)
        if volumes:
            self._run("volume", "rm", "--force", *volumes)

    def _log_in(self, registry: str) -> None:
        match = _ECR.match(registry)
        if match is None:
            return
        with self._logging_in:
            since = self._logged_in.get(registry)
            if since is not None and time.monotonic() < since + _LOGIN_SECONDS:
                return
            with request_scope(match["account"], match["region"]):
                # The engine pulls for tasks of any service, whoever makes them: the execution
                # role of each is asked when it starts.
                password = tokens.issue_to("")
            self._run("login", "--username", "AWS", "--password-stdin", registry, text=password)
            self._logged_in[registry] = time.monotonic()

    def _run(
        self, *arguments: str, text: str | None = None, handed: Mapping[str, str] | None = None
    ) -> str:
        done = subprocess.run(
            ["docker", *arguments],
            env={**os.environ, **self._environment, **(handed or {})},
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise DockerError(lines[-1].removeprefix("Error response from daemon: "))
        return done.stdout.strip()
