"""The shell of a build.

Each command is a script of its own, in a shell of its own, as in CodeBuild's agent: environment and
directory go on from one to the next; functions, arrays and options such as ``set -e`` end with it.
Variables are exported as they are set, so a plain ``TAG=1`` goes on, too. A command that ends its
script early, by ``exit`` or under ``set -e``, leaves environment and directory as they were.
"""

import contextlib
import os
import pwd
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from local.agent.processes import kill_marked

_MARKER = "CODEBUILD_AGENT_BUILD"
# The shell's own, which mean nothing to the next one.
_NOT_CARRIED = ("_", "SHLVL", _MARKER)
_BASH_FUNCTION = "BASH_FUNC_"

# The state comes back through a named pipe, so it is never on a disk. It is opened only after the
# command: a descriptor that is open before is one that a command may use, as in `exec 9>lock`.
# There are three lines before the command, as in CodeBuild, so that the shell's messages have the
# same line numbers. The empty line after it is what a backslash at its end continues.
_SCRIPT = """\
set -a


{command}

CODEBUILD_LAST_EXIT=$?
{{ printf '%s\\0' "$(pwd)"; {env} -0; printf '\\0'; }} >{state}
exit $CODEBUILD_LAST_EXIT
"""
_END_OF_STATE = b"\0\0"

_CHUNK = 64 * 1024
_MOST_LEFT_OVER = 1024 * 1024
_POLL_SECONDS = 0.1
_EXIT_SECONDS = 0.05


class ShellError(Exception):
    """A command that could not be started; the message says why."""


class InterruptedBuildError(Exception):
    """The build was stopped or ran out of time."""

    def __init__(self, status: Literal["STOPPED", "TIMED_OUT"]) -> None:
        super().__init__(status)
        self.status = status


class Shell:
    """Runs the commands of one build, and ends whatever they left behind.

    Parameters
    ----------
    program
        ``bash`` or ``/bin/sh``.
    environment
        All that commands see.
    directory
        Where the first command starts.
    output
        Takes what commands write, in pieces as they come.
    deadline
        Of the build, in terms of `time.monotonic`.
    stop
        Ends the build when it is set.

    Attributes
    ----------
    environment
        As the last command left it. What is set here is seen by the next one.
    directory
        As the last command left it.
    """

    def __init__(
        self,
        program: str,
        *,
        environment: Mapping[str, str],
        directory: Path,
        output: Callable[[bytes], None],
        deadline: float,
        stop: threading.Event,
    ) -> None:
        self.environment = dict(environment)
        self.directory = str(directory)
        self._program = _find(program, self.environment)
        # By its path: a build may have lost its PATH.
        self._env = _find("env", self.environment)
        self._output = output
        self._deadline = deadline
        self._stop = stop
        self._marker = uuid.uuid4().hex

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            # One pipe for the whole build: what runs on in the background keeps its output.
            self._reader, self._writer = os.pipe()
            stack.callback(os.close, self._reader)
            stack.callback(os.close, self._writer)
            os.set_blocking(self._reader, False)
            stack.callback(kill_marked, f"{_MARKER}={self._marker}")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def check(self) -> None:
        """Raise `InterruptedBuildError` if the build must end."""
        if self._stop.is_set():
            raise InterruptedBuildError("STOPPED")
        if time.monotonic() >= self._deadline:
            raise InterruptedBuildError("TIMED_OUT")

    def run(self, command: str, *, user: str | None = None) -> str:
        """Run a command.

        Parameters
        ----------
        command
            A script of one or more lines.
        user
            Name of the user to run it as, if it is another one.

        Returns
        -------
        str
            Why it failed, such as ``exit status 1``; empty if it did not.

        Raises
        ------
        ShellError
            It could not be started.
        InterruptedBuildError
            The build was stopped or ran out of time meanwhile.
        """
        self.check()
        identity = _identity(user) if user else {}
        # A folder for each command: it belongs to the user of the command, who could otherwise
        # replace what the next command runs as another user.
        with (
            tempfile.TemporaryDirectory(prefix="codebuild-agent-") as folder,
            _named_pipe(Path(folder) / "state") as state,
        ):
            process = self._start(command, Path(folder), identity)
            try:
                left = self._follow(process, state)
            except BaseException:
                self._kill(process)
                raise
        self._carry_on(left)
        return _reason(process.returncode)

    def _start(
        self, command: str, folder: Path, identity: Mapping[str, Any]
    ) -> subprocess.Popen[bytes]:
        script = folder / "script.sh"
        state = shlex.quote(str(folder / "state"))
        script.write_text(
            _SCRIPT.format(command=command, env=self._env, state=state),
            encoding="utf-8",
            newline="\n",
        )
        if identity:
            # The folder last: until then nobody else can get at what is in it.
            for path in (script, folder / "state", folder):
                os.chown(path, identity["user"], identity["group"])
        environment = {**self.environment, _MARKER: self._marker}
        try:
            return subprocess.Popen(
                [self._program, str(script)],
                stdin=subprocess.DEVNULL,
                stdout=self._writer,
                stderr=self._writer,
                cwd=self.directory,
                env=environment,
                start_new_session=True,
                **identity,
            )
        except (OSError, ValueError) as error:
            raise ShellError(f"the shell does not start: {error}") from error

    def _follow(self, process: subprocess.Popen[bytes], state: Any) -> bytes:
        """Pass the output on until the process ends; return what it left of its state.

        Not until the pipes end: processes in the background hold them, too.
        """
        left = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._reader, selectors.EVENT_READ)
            selector.register(state, selectors.EVENT_READ)
            while process.poll() is None:
                self.check()
                for key, _ in selector.select(_POLL_SECONDS):
                    if key.fd == self._reader:
                        self._output(os.read(self._reader, _CHUNK))
                        continue
                    chunk = state.read(_CHUNK)
                    left += chunk or b""
                    if not chunk or left.endswith(_END_OF_STATE):
                        # It ends now: do not wait for the next output or poll.
                        selector.unregister(state)
                        with contextlib.suppress(subprocess.TimeoutExpired):
                            process.wait(_EXIT_SECONDS)
        self._pass_on_rest()
        while chunk := state.read(_CHUNK):
            left += chunk
        return bytes(left)

    def _pass_on_rest(self) -> None:
        """Pass on what is in the pipe, without following a process that writes on and on."""
        passed = 0
        with contextlib.suppress(BlockingIOError):
            while passed < _MOST_LEFT_OVER:
                data = os.read(self._reader, _CHUNK)
                passed += len(data)
                self._output(data)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        # Once waited for, its id may be another one's.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._pass_on_rest()

    def _carry_on(self, state: bytes) -> None:
        if not state.endswith(_END_OF_STATE):
            return
        directory, *entries = os.fsdecode(state.removesuffix(_END_OF_STATE)).split("\0")
        self.directory = directory
        self.environment = {
            name: value
            for name, _, value in (entry.partition("=") for entry in entries)
            if name not in _NOT_CARRIED and not name.startswith(_BASH_FUNCTION)
        }


@contextlib.contextmanager
def _named_pipe(path: Path) -> Iterator[Any]:
    """Make a pipe and open it for reading, which does not wait for a writer."""
    os.mkfifo(path, 0o600)
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as reader:
        yield reader


def _find(program: str, environment: Mapping[str, str]) -> str:
    places = (environment.get("PATH", os.defpath), os.defpath)
    path = next(filter(None, (shutil.which(program, path=place) for place in places)), None)
    if path is None:
        raise ShellError(f"{program} is not on this machine: install it")
    return path


def _identity(user: str) -> dict[str, Any]:
    """Return the options of `subprocess.Popen` for a user."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise ShellError(f"run-as: there is no user {user} on this machine") from None
    if entry.pw_uid == os.geteuid():
        return {}
    if os.geteuid() != 0:
        raise ShellError(f"run-as: only root can run commands as {user}; start this as root")
    groups = os.getgrouplist(user, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}


def _reason(code: int) -> str:
    if code < 0:
        return f"signal: {(signal.strsignal(-code) or str(-code)).lower()}"
    return f"exit status {code}" if code else ""
