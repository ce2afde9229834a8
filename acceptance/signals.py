"""Signals that end a run: they interrupt what is done, and never the cleaning up."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

from acceptance.errors import InterruptedRunError

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let a signal raise `InterruptedRunError` in what is done meanwhile."""

    def interrupt(number: int, _: FrameType | None) -> None:
        raise InterruptedRunError(f"interrupted by {signal.Signals(number).name}")

    with _handled_by(interrupt):
        yield


@contextlib.contextmanager
def uninterrupted(say: Callable[[str], None]) -> Iterator[None]:
    """Let a signal say only that what is done meanwhile has to end first."""

    def refuse(number: int, _: FrameType | None) -> None:
        say(
            f"{signal.Signals(number).name}: everything is being deleted; what cannot be is listed "
            f"at the end"
        )

    with _handled_by(refuse):
        yield


@contextlib.contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    # What is ignored, as a closed terminal is under nohup, stays so.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heeded}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
