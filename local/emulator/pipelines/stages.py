"""Who may be in a stage: one execution at a time, the others wait or are superseded."""

import threading
from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

StageKey: TypeAlias = tuple[str, str, str, str]
"""Account, region, pipeline and stage."""


class Entry(Enum):
    """How the wait for a stage ended."""

    ENTERED = "entered"
    SUPERSEDED = "superseded"
    STOPPED = "stopped"


class StageGates:
    """The entrances of all stages."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: dict[StageKey, str] = {}
        self._waiting: dict[StageKey, list[str]] = {}

    def enter(
        self,
        stage: StageKey,
        execution_id: str,
        mode: str,
        *,
        is_open: Callable[[], bool],
        is_stopped: Callable[[], bool],
    ) -> Entry:
        """Wait until an execution may go into a stage.

        Parameters
        ----------
        stage
            Which one.
        execution_id
            Who wants to go in.
        mode
            The pipeline's execution mode.
        is_open
            Whether the transition into the stage is enabled.
        is_stopped
            Whether somebody has stopped the execution.
        """
        with self._changed:
            if mode == "PARALLEL":
                self._changed.wait_for(lambda: is_open() or is_stopped())
                return Entry.STOPPED if is_stopped() else Entry.ENTERED
            waiting = self._waiting.setdefault(stage, [])
            if mode == "SUPERSEDED":
                # At most one waits for a stage: the newest.
                waiting.clear()
                self._changed.notify_all()
            waiting.append(execution_id)
            self._changed.wait_for(
                lambda: (
                    execution_id not in waiting
                    or is_stopped()
                    or (waiting[0] == execution_id and stage not in self._inside and is_open())
                )
            )
            if execution_id not in waiting:
                return Entry.SUPERSEDED
            waiting.remove(execution_id)
            if is_stopped():
                self._changed.notify_all()
                return Entry.STOPPED
            self._inside[stage] = execution_id
            return Entry.ENTERED

    def take(self, stage: StageKey, execution_id: str) -> bool:
        """Enter a stage ahead of all who wait, unless it is taken; return whether it worked."""
        with self._changed:
            if stage in self._inside:
                return False
            self._inside[stage] = execution_id
            return True

    def hand_over(self, stage: StageKey, execution_id: str, successor_id: str) -> None:
        """Leave a stage to another execution, past all who wait."""
        with self._changed:
            if self._inside.get(stage) == execution_id:
                self._inside[stage] = successor_id

    def leave(self, stage: StageKey, execution_id: str) -> None:
        """Let the next one in."""
        with self._changed:
            if self._inside.get(stage) == execution_id:
                del self._inside[stage]
            self._changed.notify_all()

    def look_again(self) -> None:
        """Make those who wait look whether they may go, or have to stop."""
        with self._changed:
            self._changed.notify_all()

    def waiting(self, stage: StageKey) -> tuple[str, ...]:
        """Return who waits for a stage, the next one first."""
        with self._changed:
            return tuple(self._waiting.get(stage, ()))
