"""The reins of running executions: what was asked of them from outside."""

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Control:
    """The reins of one execution.

    Attributes
    ----------
    stopping
        No further action is to begin.
    abandoned
        The actions that run are to be given up.
    cancelled
        It is to end because its pipeline was changed, not because somebody stopped it.
    summary
        Why, as the execution shows it in the end.
    """

    stopping: threading.Event = field(default_factory=threading.Event)
    abandoned: threading.Event = field(default_factory=threading.Event)
    cancelled: bool = False
    summary: str = ""

    @property
    def end(self) -> str:
        """How an execution ends that does not go on."""
        return "Cancelled" if self.cancelled else "Stopped"
