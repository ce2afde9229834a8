"""The log of a build, in CloudWatch Logs while it grows."""

import collections
import threading
import time
from typing import Any

_FLUSH_SECONDS = 0.2
# The API takes no more in one call.
_MOST_EVENTS = 1000


class BuildLog:
    """A log stream that is written to line by line, from any thread.

    Parameters
    ----------
    logs
        Client of CloudWatch Logs, or None where the project writes no log there.
    group, stream
        Where the log goes; both are made where they are not there.
    """

    def __init__(self, logs: Any, group: str, stream: str) -> None:
        self._logs = logs
        self._group, self._stream = group, stream
        self._waiting: collections.deque[dict[str, Any]] = collections.deque()
        self._closed = threading.Event()
        self._writer = threading.Thread(target=self._write_behind, daemon=True, name="build-log")

    def __enter__(self) -> "BuildLog":
        if self._logs is not None:
            self._make_stream()
            self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        if self._logs is not None:
            self._writer.join()

    def __call__(self, line: str) -> None:
        """Write a line."""
        if self._logs is not None:
            # CloudWatch Logs refuses an empty message.
            self._waiting.append({"timestamp": int(time.time() * 1000), "message": line or " "})

    def _make_stream(self) -> None:
        names = {"logGroupName": self._group, "logStreamName": self._stream}
        try:
            self._logs.create_log_stream(**names)
        except self._logs.exceptions.ResourceAlreadyExistsException:
            pass
        except self._logs.exceptions.ResourceNotFoundException:
            # Not before: a role need not be allowed to make groups where there is one.
            self._logs.create_log_group(logGroupName=self._group)
            self._logs.create_log_stream(**names)

    def _write_behind(self) -> None:
        while not self._closed.wait(_FLUSH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        while self._waiting:
            count = min(len(self._waiting), _MOST_EVENTS)
            self._logs.put_log_events(
                logGroupName=self._group,
                logStreamName=self._stream,
                logEvents=[self._waiting.popleft() for _ in range(count)],
            )
