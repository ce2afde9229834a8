"""A build from phase to phase, by CodeBuild's transitions.

A failed ``install`` or ``pre_build`` ends the build. ``post_build`` comes after a failed ``build``,
too, and artifacts are attempted after both. ``on-failure`` changes that for its phase: ``ABORT``
ends the build, ``CONTINUE`` goes on and leaves the build a success, though with
``CODEBUILD_BUILD_SUCCEEDING=0``, and ``RETRY`` runs the phase again as it began.
"""

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from local.agent import artifacts, variables
from local.agent.build import Build, BuildResult, CollectedReport, PhaseResult, Status
from local.agent.buildspec import (
    Artifact,
    Artifacts,
    Buildspec,
    BuildspecError,
    Phase,
    Report,
    parse,
)
from local.agent.journal import Journal
from local.agent.shell import InterruptedBuildError, Shell, ShellError

_PHASES = ("install", "pre_build", "build", "post_build")
# What comes after them comes after their failure as well.
_GOING_ON_AFTER_FAILURE = ("build", "post_build")
_INTERRUPTIONS = {
    "STOPPED": ("BUILD_STOPPED", "Build was stopped."),
    "TIMED_OUT": ("BUILD_TIMED_OUT", "Build has timed out."),
}


class _PhaseError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def run(build: Build, *, log: Callable[[str], None], stop: threading.Event) -> BuildResult:
    """Run a build to its end.

    Parameters
    ----------
    build
        What to build.
    log
        Takes the lines of the log, without secrets.
    stop
        Ends the build, within a fraction of a second, when it is set.

    Returns
    -------
    BuildResult
        However the build went: a failure is no exception.
    """
    return _Run(build, Journal(log, build.secrets), stop).to_the_end()


class _Run:
    _spec: Buildspec
    _shell: Shell
    _secret_names: frozenset[str]

    def __init__(self, build: Build, journal: Journal, stop: threading.Event) -> None:
        self._build = build
        self._journal = journal
        self._stop = stop
        self._deadline = time.monotonic() + build.timeout
        self._status: Status = "SUCCEEDED"
        self._succeeding = True
        self._phases: list[PhaseResult] = []
        self._artifacts: Path | None = None
        self._secondary_artifacts: dict[str, Path] = {}
        self._reports: dict[str, CollectedReport] = {}

    def to_the_end(self) -> BuildResult:
        exported = {}
        with contextlib.ExitStack() as cleanup:
            if self._phase("DOWNLOAD_SOURCE", partial(self._prepare, cleanup)):
                if self._run_phases():
                    self._phase("UPLOAD_ARTIFACTS", self._collect)
                exported = self._exported()
            self._phase("FINALIZING", cleanup.close)
        return BuildResult(
            status=self._status,
            phases=tuple(self._phases),
            exported=exported,
            artifacts=self._artifacts,
            secondary_artifacts=self._secondary_artifacts,
            reports=self._reports,
        )

    def _phase(self, name: str, work: Callable[[], None], *, tolerate: bool = False) -> bool:
        """Go through a phase; return whether it succeeded."""
        started, clock = datetime.now(UTC), time.monotonic()
        status: Status = "SUCCEEDED"
        code = message = ""
        try:
            work()
        except _PhaseError as error:
            status, code, message = "FAILED", error.code, str(error)
        except InterruptedBuildError as error:
            status, (code, message) = error.status, _INTERRUPTIONS[error.status]
        if status != "SUCCEEDED" and not (tolerate and status == "FAILED"):
            self._status = status
        self._journal.agent(f"Phase complete: {name} State: {status}")
        self._journal.agent(f"Phase context status code: {code} Message: {message}")
        self._phases.append(
            PhaseResult(
                name=name,
                status=status,
                started=started,
                seconds=time.monotonic() - clock,
                message=self._journal.mask(f"{code}: {message}") if code else "",
            )
        )
        return status == "SUCCEEDED"

    def _prepare(self, cleanup: contextlib.ExitStack) -> None:
        log, source = self._journal.agent, self._build.source
        log("Phase is DOWNLOAD_SOURCE")
        log(f"CODEBUILD_SRC_DIR={source}")
        try:
            self._spec = parse(self._build.buildspec)
        except BuildspecError as error:
            raise _PhaseError("YAML_FILE_ERROR", str(error)) from error
        log("Processing environment variables")
        try:
            resolved = variables.resolve(self._build, self._spec.env, log)
        except variables.VariableError as error:
            raise _PhaseError("Decrypted Variables Error", str(error)) from error
        self._journal.hide(resolved.secret)
        self._secret_names = resolved.secret_names
        for remark in _remarks(self._spec):
            log(remark)
        log(f"Moving to directory {source}")
        try:
            shell = Shell(
                self._spec.env.shell,
                environment=resolved.values,
                directory=source,
                output=self._journal.output,
                deadline=self._deadline,
                stop=self._stop,
            )
        except ShellError as error:
            raise _PhaseError("CLIENT_ERROR", str(error)) from error
        self._shell = cleanup.enter_context(shell)

    def _run_phases(self) -> bool:
        """Run the commands; return whether artifacts are attempted after them."""
        for name in _PHASES:
            phase: Phase | None = getattr(self._spec.phases, name)
            action = phase.on_failure.action if phase else "DEFAULT"
            self._journal.agent(f"Entering phase {name.upper()}")
            succeeded = self._phase(
                name.upper(), partial(self._run_phase, phase), tolerate=action == "CONTINUE"
            )
            if succeeded:
                continue
            if self._phases[-1].status != "FAILED" or action == "ABORT":
                return False
            if action == "DEFAULT" and name not in _GOING_ON_AFTER_FAILURE:
                return False
        return True

    def _run_phase(self, phase: Phase | None) -> None:
        self._shell.check()
        if phase is None:
            return
        beginning = self._shell.environment, self._shell.directory, self._succeeding
        failure = self._attempt(phase)
        for left in range(phase.on_failure.retries, 0, -1):
            if failure is None or not phase.on_failure.pattern.search(
                f"{self._journal.recent()}\n{failure}"
            ):
                break
            self._journal.agent(f"Retrying the phase: {left} of its retries left")
            self._shell.environment, self._shell.directory, self._succeeding = beginning
            failure = self._attempt(phase)
        if failure is not None:
            raise failure

    def _attempt(self, phase: Phase) -> _PhaseError | None:
        self._journal.forget()
        failure = None
        for commands in (phase.commands, phase.finally_):
            for command in commands:
                reason = self._run_command(command, phase.run_as or self._spec.run_as)
                if reason:
                    self._succeeding = False
                    failure = failure or _PhaseError(
                        "COMMAND_EXECUTION_ERROR",
                        f"Error while executing command: {command}. Reason: {reason}",
                    )
                    break
        return failure

    def _run_command(self, command: str, user: str | None) -> str:
        """Run a command; return why it failed, or nothing."""
        self._journal.separate()
        self._journal.agent(f"Running command {command}")
        self._shell.environment["CODEBUILD_BUILD_SUCCEEDING"] = str(int(self._succeeding))
        try:
            reason = self._shell.run(command, user=user)
        except ShellError as error:
            reason = str(error)
        finally:
            self._journal.flush()
        if reason:
            self._journal.separate()
            self._journal.agent(f"Command did not exit successfully {command} {reason}")
        return reason

    def _collect(self) -> None:
        self._shell.check()
        try:
            self._collect_artifacts(self._spec.artifacts)
        finally:
            for name, report in self._spec.reports.items():
                self._reports[name] = self._collect_report(name, report)

    def _collect_artifacts(self, spec: Artifacts | None) -> None:
        if spec is None:
            return
        try:
            if spec.files:
                self._artifacts = self._copy(spec, "artifact-")
            for name, secondary in spec.secondary_artifacts.items():
                self._secondary_artifacts[name] = self._copy(secondary, f"artifact-{name}-")
        except (artifacts.ArtifactError, OSError) as error:
            raise _PhaseError("CLIENT_ERROR", str(error)) from error

    def _collect_report(self, name: str, report: Report) -> CollectedReport:
        """Collect the files of a report; one without files is no failure of the build."""
        self._journal.agent(f"Preparing to copy report {name}")
        wanted = Artifact.model_validate(report.model_dump(by_alias=True, exclude={"file_format"}))
        folder = None
        try:
            folder = self._copy(wanted, "report-")
        except (artifacts.ArtifactError, OSError) as error:
            self._journal.agent(f"Report {name} is incomplete: {error}")
        return CollectedReport(file_format=report.file_format, folder=folder)

    def _copy(self, artifact: Artifact, prefix: str) -> Path:
        source = self._build.source
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=source.parent))
        try:
            artifacts.collect(artifact, source, folder, self._journal.agent)
        except BaseException:
            shutil.rmtree(folder)
            raise
        return folder

    def _exported(self) -> dict[str, str]:
        exported = {}
        for name in self._spec.env.exported_variables:
            if name.startswith("AWS_") or name in self._secret_names:
                self._journal.agent(f"{name} is not exported: it is a secret or starts with AWS_")
            elif name in self._shell.environment:
                exported[name] = self._shell.environment[name]
        return exported


def _remarks(spec: Buildspec) -> Iterator[str]:
    """Say what the buildspec asks for and does not get here."""
    if spec.phases.install and spec.phases.install.runtime_versions:
        yield (
            "Skipping install of runtimes. Runtime version selection is not supported by this "
            "build image"
        )
    if spec.env.git_credential_helper:
        yield "Ignoring git-credential-helper: this agent has no Git credentials to give"
    if spec.proxy:
        yield "Ignoring proxy: this agent uses none"
    if spec.cache:
        yield f"Not caching {', '.join(spec.cache.paths)}: this agent keeps no cache"
