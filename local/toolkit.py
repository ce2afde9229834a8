"""The CDK CLI, pointed at a cloud."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.cloud import ROOT, program_path

_CDK = ROOT / "node_modules" / ".bin" / "cdk"


class ToolkitError(RuntimeError):
    """A run of the CDK CLI failed; the message carries its last lines."""


class Toolkit:
    """Runs the project's own CDK CLI.

    Parameters
    ----------
    environment
        The variables that lead AWS clients to the cloud.
    assembly
        The folder of the synthesized app.
    log
        The file to which everything the CLI prints is added.
    """

    def __init__(self, *, environment: Mapping[str, str], assembly: Path, log: Path) -> None:
        self._environment = dict(environment)
        self._assembly = assembly
        self._log = log

    def synth(self, *options: str) -> None:
        """Synthesize the app into the assembly folder.

        Parameters
        ----------
        options
            Further options, such as ``--context``.
        """
        self._run("synth", "--quiet", "--output", str(self._assembly), *options)

    def bootstrap(self) -> None:
        """Prepare the cloud for deployments."""
        account = self._environment["AWS_ACCESS_KEY_ID"]
        place = f"aws://{account}/{self._environment['AWS_REGION']}"
        # With the assembly nothing is synthesized again, nor into the folder of everyone.
        self._run("bootstrap", place, "--app", str(self._assembly))

    def deploy(self, *options: str) -> None:
        """Deploy every stack of the assembly.

        Parameters
        ----------
        options
            Further options, such as ``--tags``.
        """
        assembly = str(self._assembly)
        self._run("deploy", "--all", "--app", assembly, "--require-approval", "never", *options)

    def diff(self) -> str:
        """Compare the assembly with what is deployed.

        Returns
        -------
        str
            What the CLI printed.
        """
        return self._run("diff", "--app", str(self._assembly))

    def destroy(self) -> None:
        """Delete every stack of the assembly."""
        self._run("destroy", "--all", "--app", str(self._assembly), "--force")

    def _run(self, *arguments: str) -> str:
        command = [str(_CDK), *arguments, "--no-color", "--no-notices", "--ci"]
        finished = subprocess.run(
            command,
            cwd=ROOT,
            env=self._variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"$ cdk {' '.join(arguments)}\n{finished.stdout}\n")
        if finished.returncode != 0:
            last = "\n".join(finished.stdout.strip().splitlines()[-25:])
            raise ToolkitError(
                f"cdk {arguments[0]} failed; everything it said is in {self._log}\n{last}"
            )
        return finished.stdout

    def _variables(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **self._environment,
            "PATH": program_path(),
        }
