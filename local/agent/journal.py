"""The log of a build: CodeBuild's own lines and what commands put out, without secrets."""

import codecs
import collections
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

_MASK = "***"
# Shorter ones, such as a parameter "1", would make the log unreadable and protect nothing.
_SHORTEST_SECRET = 3
# CodeBuild hides these whether it knows them or not.
_ACCESS_KEY_ID = r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
_ACCESS_KEY_ID_LENGTH = 20
# A line that does not end, such as one of binary output, is written in pieces of about this length.
_LONGEST_LINE = 64 * 1024
_RECENT_LINES = 500


class Journal:
    """Writes the log of a build line by line.

    Parameters
    ----------
    write
        Takes a line, without its end.
    secrets
        Values to write as ``***``. Each line of a value with several lines is a secret of its own,
        since lines are written one by one; one with fewer than three characters is not hidden.
    """

    def __init__(self, write: Callable[[str], None], secrets: Iterable[str]) -> None:
        self._write = write
        # Keeps the start of a character whose end comes with the next piece.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""
        self._secrets: set[str] = set()
        self._recent: collections.deque[str] = collections.deque(maxlen=_RECENT_LINES)
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide further values from now on."""
        for secret in secrets:
            self._secrets.update((secret, *map(str.strip, secret.splitlines())))
        self._secrets = {secret for secret in self._secrets if len(secret) >= _SHORTEST_SECRET}
        # Of two secrets that start alike the longer one must be found first.
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join((*map(re.escape, longest_first), _ACCESS_KEY_ID)))

    def mask(self, text: str) -> str:
        """Return a text without what must not be seen."""
        return self._pattern.sub(_MASK, text)

    def agent(self, message: str) -> None:
        """Write a line of CodeBuild's own; further lines of the message follow as they are."""
        now = datetime.now(UTC)
        self._lines(f"[Container] {now:%Y/%m/%d %H:%M:%S.%f} {message}")

    def separate(self) -> None:
        """Write an empty line."""
        self._write("")

    def output(self, data: bytes) -> None:
        """Write the whole lines of what commands put out, and keep the rest for the next time."""
        *lines, self._pending = (self._pending + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._line(line)
        self._split()

    def flush(self) -> None:
        """Write a last line that has no end."""
        self._pending += self._decoder.decode(b"", final=True)
        if self._pending:
            self._line(self._pending)
            self._pending = ""

    def forget(self) -> None:
        """Let `recent` start anew."""
        self._recent.clear()

    def recent(self) -> str:
        """Return the last lines of output."""
        return "\n".join(self._recent)

    def _line(self, line: str) -> None:
        text = self.mask(line.removesuffix("\r"))
        self._recent.append(text)
        self._write(text)

    def _split(self) -> None:
        """Write the start of a line that is too long without cutting a secret in two."""
        kept = max(_ACCESS_KEY_ID_LENGTH, *map(len, self._secrets), 0)
        if len(self._pending) <= _LONGEST_LINE + kept:
            return
        masked = self.mask(self._pending)
        if masked[:-kept]:
            self._write(masked[:-kept])
        self._pending = masked[-kept:]

    def _lines(self, text: str) -> None:
        for line in self.mask(text).splitlines():
            self._write(line)
