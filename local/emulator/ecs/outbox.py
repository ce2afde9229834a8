"""Events on their way to EventBridge: in the order in which things happened.

What happens is decided under a lock, and a rule may start what asks ECS again. So a thread of its
own sends them.
"""

import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from local.emulator import scope
from local.emulator.events import emit

_log = logging.getLogger(__name__)


class Outbox:
    """Sends the events of ECS, one after the other."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[scope.Scope, str, Any, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._send, name="ecs-events", daemon=True).start()

    def put(self, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> None:
        """Send an event of the current scope, soon."""
        self._waiting.put((scope.current(), detail_type, dict(detail), list(resources)))

    def _send(self) -> None:
        while True:
            whose, detail_type, detail, resources = self._waiting.get()
            try:
                whose.run(emit, "aws.ecs", detail_type, detail, resources)
            except Exception:
                # The next one is another event, for perhaps another rule.
                _log.exception("The event %s was not sent", detail_type)
