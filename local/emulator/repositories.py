"""The source code of the local cloud: what was pushed to which branch.

It stands in for GitHub and CodeCommit. A commit is its id, its message and a zip of its files.
"""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.emulator.archives import files
from local.emulator.service import store

# repository -> branch -> commits, oldest first; what only a tag names is below the empty branch
_branches = store()
_changing = threading.Lock()

NO_BRANCH = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit on a branch.

    Attributes
    ----------
    repository
        ``owner/name``, or the bare name of a CodeCommit repository.
    branch
        `NO_BRANCH` for a commit that was pushed with a tag alone.
    commit_id
        40 hexadecimal digits.
    authored
        Time of the push, in seconds since the epoch.
    changed
        Paths that differ from the branch's commit before; all for its first.
    """

    repository: str
    branch: str
    commit_id: str
    message: str
    author: str
    authored: float
    changed: tuple[str, ...]


class Repositories:
    """All repositories.

    Parameters
    ----------
    folder
        Where the archives of the commits are kept.
    """

    state = {"branches": _branches}

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def push(
        self, repository: str, branch: str, commit_id: str, message: str, author: str, packed: bytes
    ) -> Commit:
        """Make a commit the newest of a branch.

        Raises
        ------
        ArchiveError
            `packed` is no zip archive.
        """
        new = files(packed)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._file(repository, commit_id).write_bytes(packed)
        with _changing:
            before = self.newest(repository, branch) if branch != NO_BRANCH else None
            old = {} if before is None else files(self.archive(before))
            commit = Commit(
                repository=repository,
                branch=branch,
                commit_id=commit_id,
                message=message,
                author=author,
                authored=time.time(),
                changed=_changed(old, new),
            )
            entry = {key: getattr(commit, key) for key in Commit.__slots__}
            branches = _branches.get(repository, {})
            commits = [*branches.get(branch, ()), {**entry, "changed": list(commit.changed)}]
            _branches[repository] = {**branches, branch: commits}
        return commit

    def newest(self, repository: str, branch: str) -> Commit | None:
        """Return the newest commit of a branch, if there is one."""
        commits = _branches.get(repository, {}).get(branch)
        return _commit(commits[-1]) if commits else None

    def before(self, commit: Commit) -> Commit | None:
        """Return the commit that a branch had before, if it had one."""
        commits = _branches.get(commit.repository, {}).get(commit.branch, ())
        ids = [entry["commit_id"] for entry in commits]
        place = len(ids) - 1 - ids[::-1].index(commit.commit_id)
        return _commit(commits[place - 1]) if place else None

    def branches(self, repository: str) -> list[str]:
        """Return the names of a repository's branches."""
        return [name for name in _branches.get(repository, {}) if name != NO_BRANCH]

    def forget(self, repository: str) -> None:
        """Remove a repository with all its commits."""
        for commits in _branches.pop(repository, {}).values():
            for entry in commits:
                self._file(repository, entry["commit_id"]).unlink(missing_ok=True)

    def find(self, repository: str, commit_id: str, branch: str | None = None) -> Commit | None:
        """Return a commit of a repository, on this branch or else on whatever branch it is."""
        branches = _branches.get(repository, {})
        for commits in (branches.get(branch, ()), *branches.values()):
            for entry in commits:
                if entry["commit_id"] == commit_id:
                    return _commit(entry)
        return None

    def differing(self, one: Commit, other: Commit) -> tuple[str, ...]:
        """Return the paths that differ between two commits."""
        return _changed(files(self.archive(one)), files(self.archive(other)))

    def archive(self, commit: Commit) -> bytes:
        """Return the files of a commit as a zip archive."""
        return self._file(commit.repository, commit.commit_id).read_bytes()

    def _file(self, repository: str, commit_id: str) -> Path:
        return self._folder / f"{repository.replace('/', '%2F')}@{commit_id}.zip"


def _changed(old: dict[str, int], new: dict[str, int]) -> tuple[str, ...]:
    return tuple(sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path)))


def _commit(entry: dict[str, Any]) -> Commit:
    return Commit(**{**entry, "changed": tuple(entry["changed"])})
