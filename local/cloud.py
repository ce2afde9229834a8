"""The local cloud as a whole: an AWS emulator, and a container engine for its builds."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.engine import BaseImagesError, Engine, EngineUnavailableError, open_engine

ACCOUNT: Final = "111122223333"
REGION: Final = "ap-northeast-1"

ROOT: Final = Path(__file__).parents[1]

_NODE_PROGRAMS: Final = ROOT / "node_modules" / ".bin"
_START_SECONDS: Final = 60


class CloudError(RuntimeError):
    """The local cloud cannot be had; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cloud:
    """A local cloud that is running.

    Attributes
    ----------
    endpoint
        The address of every AWS service.
    folder
        Where its logs and state are.
    engine
        The container engine that builds use; None where there is none.
    unavailable
        Why there is no engine; None where there is one.
    """

    endpoint: str
    folder: Path
    engine: Engine | None
    unavailable: str | None

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that lead AWS clients, the CDK CLI among them, to this cloud."""
        return client_environment(self.endpoint, self.folder)


def client_environment(endpoint: str, folder: Path) -> dict[str, str]:
    """Return the variables that lead AWS clients to a local cloud.

    Parameters
    ----------
    endpoint
        The address of every AWS service.
    folder
        The cloud's folder.

    Returns
    -------
    dict
        Variable -> value.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        # The emulator takes an access key of 12 digits for the account.
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # The CLI remembers which account a key belongs to; the user's own must not be mixed in.
        "CDK_HOME": str(folder / "cdk-home"),
        # Nothing leaves this machine; and what sends it would outlive the run that started it.
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


@contextlib.contextmanager
def open_cloud(
    folder: Path,
    *,
    engine_cache: Path,
    progress: Callable[[str], None],
) -> Iterator[Cloud]:
    """Start a local cloud; at the end nothing of it runs any more.

    Parameters
    ----------
    folder
        The folder for its state and logs; claimed by the caller.
    engine_cache
        The folder for the private engine's programs and build cache.
    progress
        Called with a line for people before each step that takes time.

    Raises
    ------
    CloudError
        If the emulator does not start, or ``BASE_IMAGES`` cannot be used.
    """
    with contextlib.ExitStack() as stack:
        port = _free_port()
        endpoint = f"http://127.0.0.1:{port}"
        build_environment = folder / "build-environment.json"
        build_environment.write_text(json.dumps({"unavailable": "the engine is not ready yet"}))
        progress("Starting the AWS emulator")
        stack.enter_context(_emulator(port, folder, build_environment))
        engine, unavailable = None, None
        try:
            engine = stack.enter_context(
                open_engine(
                    engine_cache,
                    registries={f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com": ("127.0.0.1", port)},
                    progress=progress,
                )
            )
        except EngineUnavailableError as error:
            unavailable = str(error)
        except BaseImagesError as error:
            raise CloudError(str(error)) from error
        build_environment.write_text(
            json.dumps(
                dict(engine.environment) if engine is not None else {"unavailable": unavailable}
            )
        )
        yield Cloud(endpoint=endpoint, folder=folder, engine=engine, unavailable=unavailable)


def is_open(folder: Path) -> bool:
    """Return whether a cloud uses a folder.

    Parameters
    ----------
    folder
        The cloud's folder.

    Returns
    -------
    bool
        Whether one does.
    """
    try:
        with claim(folder):
            return False
    except CloudError:
        return True


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Keep a folder for one cloud.

    Parameters
    ----------
    folder
        The cloud's folder; it is made if it is not there.

    Raises
    ------
    CloudError
        If another cloud has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CloudError(
                "a local cloud is running from this checkout already: use it with "
                "`make local-push`, or end it with `make local-down`"
            ) from None
        yield


def program_path() -> str:
    """Name the folders of programs: this Python's, the project's Node.js if it has one, the user's.

    Returns
    -------
    str
        A value for ``PATH``.
    """
    folders = [str(Path(sys.executable).parent), str(_NODE_PROGRAMS)]
    return os.pathsep.join([*folders, os.environ.get("PATH", "")])


@contextlib.contextmanager
def _emulator(port: int, folder: Path, build_environment: Path) -> Iterator[None]:
    # Every cloud begins empty; what a person wants to look at afterwards stays until the next.
    state = folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    command = [sys.executable, "-m", "local.emulator", "--port", str(port)]
    command += ["--state", str(state), "--build-environment", str(build_environment)]
    command += ["--node-modules", str(ROOT / "node_modules"), "--complete-connections"]
    command += ["--end-with-input"]  # if this process is killed
    log_path = folder / "emulator.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **{name: v for name, v in os.environ.items() if not name.startswith("AWS_")},
                "PATH": program_path(),
            },
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we end it in order
        )
        try:
            _wait_until_healthy(process, port, log_path)
            yield
        finally:
            _end(process)


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CloudError(f"the emulator ended at its start; see {log}\n{_tail(log)}")
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_local/health", timeout=2),
        ):
            return
        time.sleep(0.1)
    raise CloudError(f"the emulator gave no answer in {_START_SECONDS} s; see {log}\n{_tail(log)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdin is not None:
        process.stdin.close()
    # What its functions and builds may have left in its session.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
