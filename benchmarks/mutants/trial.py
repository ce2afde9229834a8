"""Runs the tests of a changed file, in a copy of the project."""

import enum
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


def tests_of(path: str) -> list[str]:
    """Return the tests that mirror a file, those of its own folder first.

    Parameters
    ----------
    path
        A file, from the project's root.

    Returns
    -------
    list[str]
        Folders and files below ``tests/``; snapshots left out.
    """
    parts = Path(path).parts
    match parts:
        case ("lambda", function, *_):
            return [f"tests/lambda/{function}"]
        case ("constructs", _, room, _):
            return [f"tests/constructs/{room}", "tests/constructs", "tests/stacks"]
        case ("constructs", *_):
            return ["tests/constructs", "tests/stacks"]
        case (root, *_):
            return [f"tests/{root}"]
        case _:
            raise ValueError(
                f"'path' must be a file of the project, got {path!r}: give one below it"
            )


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
            (Path(folder) / name).symlink_to(root / name)
        yield Path(folder)


def check_fit(project: Path, paths: list[str], timeout: float) -> None:
    """Raise if the tests of these files fail as they are.

    Parameters
    ----------
    project
        A copy of the project.
    paths
        The files.
    timeout
        After how many seconds a run of tests counts as failed.

    Raises
    ------
    UnfitError
        If they fail.
    """
    wanted = sorted({test for path in paths for test in tests_of(path)})
    if not _pass(project, wanted, timeout * 10):
        raise UnfitError(f"The tests must pass first: {' '.join(wanted)}")


def judge(project: Path, path: str, change: Change, timeout: float) -> Verdict:
    """Run the tests of a changed file, until one fails.

    Parameters
    ----------
    project
        A copy of the project. The file is changed in it, and changed back.
    path
        The file.
    change
        The change.
    timeout
        After how many seconds a run of tests counts as failed.

    Returns
    -------
    Verdict
        What they say.
    """
    file = project / path
    source = file.read_text()
    file.write_text(change.applied(source))
    try:
        for tests in tests_of(path):
            if not _pass(project, [tests], timeout):
                return Verdict.BEHAVIOUR
        if not path.startswith("lambda/") and not _pass(project, [_SNAPSHOTS], timeout, all_=True):
            return Verdict.SNAPSHOT
        return Verdict.SURVIVED
    finally:
        file.write_text(source)


def _pass(project: Path, tests: list[str], timeout: float, *, all_: bool = False) -> bool:
    left_out = [] if all_ else [f"--ignore={_SNAPSHOTS}"]
    command = [sys.executable, "-m", "pytest", "-qx", "-n0", "-m", "not e2e", *left_out, *tests]
    try:
        finished = subprocess.run(
            [*command, "-p", "no:cacheprovider"],
            cwd=project,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return finished.returncode == 0
