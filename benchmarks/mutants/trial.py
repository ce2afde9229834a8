"""Runs the tests of a changed file, in a copy of the project."""

import enum
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from benchmarks.mutants.changes import Change

_SNAPSHOTS: Final = "tests/stacks/test_snapshots.py"
_LINKED: Final = ("node_modules", ".venv")


class Verdict(enum.StrEnum):
    """What the tests say of a change."""

    BEHAVIOUR = "killed by behaviour"
    SNAPSHOT = "killed by a snapshot alone"
    SURVIVED = "survived"


class UnfitError(Exception):
    """The tests fail without any change: they would say nothing of one."""


class StoppedError(Exception):
    """The run of tests was ended from outside: it says nothing."""


def tests_of(root: Path, path: str) -> list[str]:
    """Return the tests that mirror a file: those of its own name, of its folder, and the others.

    Parameters
    ----------
    root
        The project's root.
    path
        A file, from there.

    Returns
    -------
    list[str]
        Folders and files below ``tests/``; snapshots left out.
    """
    file = Path(path)
    match file.parts:
        case ("lambda", function, *_):
            folders = [f"tests/lambda/{function}"]
        case ("constructs", _, room, _):
            folders = [f"tests/constructs/{room}", "tests/constructs", "tests/stacks"]
        case ("constructs", *_):
            folders = ["tests/constructs", "tests/stacks"]
        case (source, *_):
            folders = [f"tests/{source}"]
        case _:
            raise ValueError(
                f"'path' must be a file of the project, got {path!r}: give one below it"
            )
    own = f"{folders[0]}/test_{file.stem.lstrip('_')}.py"
    return [own, *folders] if (root / own).is_file() else folders


@contextmanager
def copy_of(root: Path) -> Iterator[Path]:
    """Copy what Git knows of a work tree, which itself is never changed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        for name in filter(None, listed.stdout.split("\0")):
            if (root / name).is_file():
                target = Path(folder) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, target)
        for name in _LINKED:
            if (root / name).exists():
                (Path(folder) / name).symlink_to(root / name)
        yield Path(folder)


class Trials:
    """Runs of tests, side by side, which can be stopped together.

    Parameters
    ----------
    timeout
        After how many seconds a run of tests counts as failed.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def check_fit(self, project: Path, paths: list[str]) -> None:
        """Raise if the tests of these files fail as they are.

        Parameters
        ----------
        project
            A copy of the project.
        paths
            The files.

        Raises
        ------
        UnfitError
            If they fail.
        StoppedError
            If all runs are stopped.
        """
        wanted = sorted({test for path in paths for test in tests_of(project, path)})
        if not self._pass(project, wanted, self._timeout * 10):
            raise UnfitError(f"The tests must pass first: {' '.join(wanted)}")

    def verdict(self, project: Path, path: str, change: Change) -> Verdict:
        """Run the tests of a changed file, until one fails.

        Parameters
        ----------
        project
            A copy of the project. The file is changed in it, and changed back.
        path
            The file.
        change
            The change.

        Returns
        -------
        Verdict
            What they say.

        Raises
        ------
        StoppedError
            If all runs are stopped.
        """
        file = project / path
        source = file.read_text()
        file.write_text(change.applied(source))
        try:
            for tests in tests_of(project, path):
                if not self._pass(project, [tests], self._timeout):
                    return Verdict.BEHAVIOUR
            has_snapshots = not path.startswith("lambda/") and (project / _SNAPSHOTS).is_file()
            if has_snapshots and not self._pass(project, [_SNAPSHOTS], self._timeout, all_=True):
                return Verdict.SNAPSHOT
            return Verdict.SURVIVED
        finally:
            file.write_text(source)

    def stop(self) -> None:
        """End all runs, and begin none any more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _end(process)

    def _pass(self, project: Path, tests: list[str], timeout: float, *, all_: bool = False) -> bool:
        left_out = [] if all_ else [f"--ignore={_SNAPSHOTS}"]
        command = [sys.executable, "-m", "pytest", "-qx", "-n0", "-m", "not e2e", *left_out, *tests]
        with self._lock:
            if self._stopped:
                raise StoppedError
            # A session of its own: an interrupt at the terminal would look like a failed test.
            process = subprocess.Popen(
                [*command, "-p", "no:cacheprovider"],
                cwd=project,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._running.add(process)
        try:
            passed = process.wait(timeout) == 0
        except subprocess.TimeoutExpired:
            _end(process)
            passed = False
        with self._lock:
            self._running.remove(process)
            if self._stopped:
                raise StoppedError
        return passed


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
