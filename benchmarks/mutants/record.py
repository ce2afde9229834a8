"""What a run has found so far, in a file: an interrupted run goes on from there."""

import hashlib
import json
from pathlib import Path

from benchmarks.mutants.changes import Change
from benchmarks.mutants.trial import Verdict


class Record:
    """Verdicts, one JSON line each, written as they come.

    Parameters
    ----------
    file
        Where they are kept.
    root
        The project's root. Verdicts hold for a file as it was: of a file that has been edited
        since, none is known.
    """

    def __init__(self, file: Path, root: Path) -> None:
        self._file = file
        self._root = root
        self._known: dict[str, Verdict] = {}
        if file.is_file():
            for line in file.read_text().splitlines():
                entry = json.loads(line)
                self._known[entry["change"]] = Verdict(entry["verdict"])

    def verdict(self, path: str, change: Change) -> Verdict | None:
        """Return what was found of a change."""
        return self._known.get(self._id(path, change))

    def add(self, path: str, change: Change, verdict: Verdict) -> None:
        """Write down what was found of a change."""
        self._known[self._id(path, change)] = verdict
        entry = {
            "change": self._id(path, change),
            "verdict": verdict,
            "path": path,
            "line": change.line,
            "shown": change.shown((self._root / path).read_text()),
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def _id(self, path: str, change: Change) -> str:
        source = (self._root / path).read_text()
        parts = (path, str(change.start), change.applied(source))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()
