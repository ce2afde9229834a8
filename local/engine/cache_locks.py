"""Who may use what of a cache folder that several runs share.

Locks are the kernel's: they end with the processes that hold them, whatever ends those.
"""

import contextlib
import fcntl
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from local.engine.model import Progress


@contextlib.contextmanager
def installing(cache: Path, progress: Progress) -> Iterator[None]:
    """Be the only one who looks at or adds to what all runs have in common."""
    with _opened(cache / "lock") as descriptor:
        if not _taken(descriptor):
            progress("Waiting for another run that sets up a container engine")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def run_slot(cache: Path) -> Iterator[tuple[Path, int]]:
    """Take a folder that no other run uses now; yields it and its lock.

    The folders have numbers, and the first that is free is taken: with one run at a time it is
    always the same. A process that inherits the lock keeps the folder taken until it ends.
    """
    for number in itertools.count():
        folder = cache / "runs" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        with _opened(folder / "lock") as descriptor:
            if _taken(descriptor):
                yield folder, descriptor
                return


def is_only_run(cache: Path, own: Path) -> bool:
    """Return whether no slot but one's own is taken."""
    for lock in cache.glob("runs/*/lock"):
        if lock.parent != own:
            with _opened(lock) as descriptor:
                if not _taken(descriptor):
                    return False
    return True


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[int]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
