"""The CDK CLI of this checkout, with the app of this checkout."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from acceptance.names import Names

_ROOT: Final = Path(__file__).parents[1]
_PROGRAMS: Final = _ROOT / "node_modules" / ".bin"
_LAST_LINES: Final = 12
_END_SECONDS: Final = 10


class CdkError(Exception):
    """A run of the CDK CLI failed; the message has its last lines."""


class Cdk:
    """Deploys the app, and destroys it.

    Parameters
    ----------
    names
        The run's names.
    folder
        Where assemblies and the CLI's output go.
    """

    def __init__(self, names: Names, folder: Path) -> None:
        self._names = names
        self._assembly = folder / "cdk.out"
        self.log = folder / "cdk.log"

    def bootstrap(self, account: str, region: str) -> None:
        """Prepare account and region for the CDK."""
        self._run("bootstrap", f"aws://{account}/{region}", "--app", str(self._assembly))

    def synth(self, delivery: Mapping[str, Any]) -> None:
        """Synthesize the app with these settings."""
        context = f"delivery={json.dumps(delivery)}"
        self._run("synth", "--quiet", "--output", str(self._assembly), "--context", context)

    def deploy(self) -> None:
        """Deploy all stacks as they were synthesized last.

        Raises
        ------
        CdkError
            If that fails.
        """
        tags = [f"{key}={value}" for key, value in self._names.tags.items()]
        self._run(
            "deploy",
            *("--all", "--app", str(self._assembly), "--require-approval", "never"),
            *(word for tag in tags for word in ("--tags", tag)),
        )

    def destroy(self) -> None:
        """Delete all stacks as they were synthesized last."""
        self._run("destroy", "--all", "--app", str(self._assembly), "--force")

    def _run(self, *arguments: str) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join([str(Path(sys.executable).parent), str(_PROGRAMS)])
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ cdk {' '.join(arguments)}\n")
            log.flush()
            begin = log.tell()
            # A session of its own: Ctrl-C is for the run, which ends the CLI and then cleans up.
            process = subprocess.Popen(
                [str(_PROGRAMS / "cdk"), *arguments, "--no-color", "--no-notices", "--ci"],
                cwd=_ROOT,
                env={**os.environ, "PATH": f"{path}{os.pathsep}{os.environ.get('PATH', '')}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait()
            except BaseException:
                _end(process)
                raise
        if code != 0:
            said = self.log.read_bytes()[begin:].decode(errors="replace").strip().splitlines()
            last = "\n".join(said[-_LAST_LINES:])
            raise CdkError(f"cdk {arguments[0]} failed; all it said is in {self.log}\n{last}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
