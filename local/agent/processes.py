"""The end of all processes of a build, wherever they have gone.

A build may leave processes that have moved to a session of their own, or whose parent is gone:
neither a process group nor a parent finds them. All of them inherit their environment, though, so
each build has a variable there with a value of its own. Only a process without its environment gets
away, unless it is in the session of the command that runs.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.005


def kill_marked(marker: str) -> None:
    """Kill every process whose environment has an entry, until there is none.

    Parameters
    ----------
    marker
        ``NAME=value`` as it stands in the environment.
    """
    end = time.monotonic() + _PATIENCE_SECONDS
    # Again and again: a process may have started another one meanwhile.
    while _kill_once(marker.encode()) and time.monotonic() < end:
        time.sleep(_PAUSE_SECONDS)


def _kill_once(marker: bytes) -> bool:
    found = False
    for environ in Path("/proc").glob("[0-9]*/environ"):
        # A process that has ended, or that belongs to someone else, is none of ours.
        with suppress(OSError):
            if marker in environ.read_bytes().split(b"\0"):
                os.kill(int(environ.parent.name), signal.SIGKILL)
                found = True
    return found
