"""Docker and the AWS CLI, found and run outside of the source."""

from __future__ import annotations

import collections
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from container_build.failure import BuildFailedError
from container_build.printable import printable

CALL_TIMEOUT = 60.0
_KEPT_LINES = 200
_CODE = re.compile(r"An error occurred \((\w+)\)")


class AwsError(Exception):
    """A call of the AWS CLI has failed; `code` is AWS's word for why, or empty."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class NoAnswerError(AwsError):
    """A call of the AWS CLI has given no answer in time."""


class Programs:
    """Runs Docker and the AWS CLI.

    Parameters
    ----------
    environment
        The variables that they see.
    folder
        Where they run, outside of the source.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = dict(environment)
        self._folder = folder

    def docker(
        self,
        *arguments: str,
        text: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Run Docker, and let its output into the log as it comes.

        Parameters
        ----------
        *arguments
            What follows ``docker``.
        text
            What it reads, if anything.
        variables
            Further variables of this call alone.

        Returns
        -------
        tuple[int, str]
            The exit status, and the last lines of the output.
        """
        sys.stdout.flush()
        process = self._start("docker", arguments, text is not None, variables)
        assert process.stdin and process.stdout  # noqa: S101, PT018 - both are pipes
        with process:
            if text is not None:
                process.stdin.write(text.encode())
            process.stdin.close()
            lines: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
            for line in process.stdout:
                lines.append(line.decode(errors="replace"))
                print(lines[-1], end="", flush=True)
        return process.returncode, "".join(lines)

    def docker_stream(
        self, *arguments: str, variables: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start Docker, to read its standard output; what it says on the other goes to the log."""
        sys.stdout.flush()
        return self._start("docker", arguments, False, variables, errors=None)

    def docker_answer(self, *arguments: str) -> tuple[int, str]:
        """Ask Docker for something.

        Parameters
        ----------
        *arguments
            What follows ``docker``.

        Returns
        -------
        tuple[int, str]
            The exit status, and the answer or else what it complains of.
        """
        done = subprocess.run(
            [self._find("docker"), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            cwd=self._folder,
            env=self._environment,
            check=False,
        )
        return done.returncode, done.stderr.strip() if done.returncode else done.stdout

    def aws(self, *arguments: str) -> Any:
        """Ask AWS by its CLI.

        Parameters
        ----------
        *arguments
            What follows ``aws``.

        Returns
        -------
        Any
            The answer, of JSON.

        Raises
        ------
        AwsError
            If the call fails or its answer is not readable.
        """
        answer = self.aws_text(*arguments, "--output", "json")
        try:
            return json.loads(answer)
        except ValueError:
            raise AwsError(f"aws {arguments[0]} {arguments[1]} answered with no JSON") from None

    def aws_text(self, *arguments: str) -> str:
        """Ask AWS by its CLI for a text; as `aws`, but for the answer's form."""
        call = f"aws {arguments[0]} {arguments[1]}"
        try:
            done = subprocess.run(
                [self._find("aws"), *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                cwd=self._folder,
                env=self._environment,
                timeout=CALL_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NoAnswerError(f"{call} gave no answer") from None
        except OSError as error:
            raise BuildFailedError(f"The AWS CLI cannot be run: {error}.") from None
        if done.returncode:
            message = printable(done.stderr[-1000:], 1000) or f"{call} ended with {done.returncode}"
            code = _CODE.search(message)
            raise AwsError(message, code.group(1) if code else "")
        return done.stdout

    def _start(
        self,
        name: str,
        arguments: Sequence[str],
        reads: bool,
        variables: Mapping[str, str] | None,
        errors: int | None = subprocess.STDOUT,
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._find(name), *arguments],
            stdin=subprocess.PIPE if reads or errors is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=self._folder,
            env={**self._environment, **(variables or {})},
        )

    def _find(self, name: str) -> str:
        found = shutil.which(name, path=self._environment["PATH"])
        if found is None:
            raise BuildFailedError(
                f"There is no program '{name}' in {self._environment['PATH']}: use one of "
                "CodeBuild's own images, or install it in yours."
            )
        return found
