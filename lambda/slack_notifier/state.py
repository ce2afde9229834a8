"""Records which events have been sent, so that a repeated event is sent once.

EventBridge and Lambda both deliver at least once. The container's memory catches the repetitions
that reach the same container; a DynamoDB table, where one is configured, catches the others, and
keeps the thread of each execution for a bot. A table is one conditional write for each event and
nothing when idle; a parameter store has no conditional write and no expiry of its own.

A message that Slack accepted while its response was lost is sent again: no store can know.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from slack_notifier.aws import Clients
from slack_notifier.log import WARNING, log

_MEMORY: Final = 4096
# As long as the dead-letter queue keeps messages: a replay must not send twice.
_DAYS: Final = 14


class InFlightError(Exception):
    """Another invocation is sending this event right now; the event source tries again later."""


class State:
    """What has been sent, and the threads of executions.

    Parameters
    ----------
    table
        The DynamoDB table, with the key ``id`` (a string) and ``expires`` as its time to live;
        ``""`` for memory alone.
    clients
        Makes AWS clients.
    clock
        The time in seconds since 1970.
    """

    def __init__(self, table: str, clients: Clients, clock: Callable[[], float]) -> None:
        self._table = table
        self._clients = clients
        self._clock = clock
        self._memory: OrderedDict[str, str] = OrderedDict()

    def claim(self, event_id: str, lease: float) -> bool:
        """Claim an event before sending it.

        Parameters
        ----------
        event_id
            The event's id.
        lease
            For how many seconds no other invocation may claim it.

        Returns
        -------
        bool
            Whether it is still to be sent.

        Raises
        ------
        InFlightError
            If another invocation has it.
        """
        key = f"event#{event_id}"
        if key in self._memory:
            return False
        now = self._clock()
        item = {"lease": {"N": f"{now + lease:.0f}"}}
        condition = "attribute_not_exists(id) OR (attribute_not_exists(sent) AND lease < :now)"
        refused = self._put(key, item, condition, {":now": {"N": f"{now:.0f}"}})
        if refused is None:
            return True
        if "sent" in refused:
            self._remember(key, "sent")
            return False
        raise InFlightError(f"Event {event_id} is being sent by another invocation; it is retried")

    def sent(self, event_id: str) -> None:
        """Record that an event has been sent."""
        key = f"event#{event_id}"
        self._remember(key, "sent")
        self._put(key, {"sent": {"BOOL": True}}, "", {})

    def release(self, event_id: str) -> None:
        """Give a claimed event back, so that the next attempt need not wait for the lease."""
        if self._table:
            self._softly(
                "delete_item",
                Key={"id": {"S": f"event#{event_id}"}},
                ConditionExpression="attribute_not_exists(sent)",
            )

    def first(self, key: str) -> bool:
        """Return whether something is done for the first time, and record that it is done."""
        if key in self._memory:
            return False
        refused = self._put(key, {}, "attribute_not_exists(id)", {})
        self._remember(key, "done")
        return refused is None

    def thread(self, execution: str) -> str:
        """Return the timestamp of the message of an execution, or ``""``."""
        key = f"thread#{execution}"
        if key not in self._memory and self._table:
            found = self._softly("get_item", Key={"id": {"S": key}}, ConsistentRead=True)
            if ts := found.get("Item", {}).get("ts", {}).get("S", ""):
                self._remember(key, ts)
        return self._memory.get(key, "")

    def remember_thread(self, execution: str, ts: str) -> None:
        """Keep the timestamp of the message of an execution."""
        self._remember(f"thread#{execution}", ts)
        self._put(f"thread#{execution}", {"ts": {"S": ts}}, "", {})

    def _remember(self, key: str, value: str) -> None:
        self._memory[key] = value
        self._memory.move_to_end(key)
        while len(self._memory) > _MEMORY:
            self._memory.popitem(last=False)

    def _put(
        self, key: str, item: dict[str, Any], condition: str, values: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Write an item; return what is there instead if the condition does not hold."""
        if not self._table:
            return None
        expires = {"N": f"{self._clock() + _DAYS * 86400:.0f}"}
        options: dict[str, Any] = {}
        if condition:
            options["ConditionExpression"] = condition
            options["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if values:
            options["ExpressionAttributeValues"] = values
        found = self._softly(
            "put_item", Item={"id": {"S": key}, "expires": expires, **item}, **options
        )
        refused = found.get("refused")
        return refused if isinstance(refused, dict) else None

    def _softly(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call DynamoDB; while it fails events are sent, if need be twice."""
        try:
            client = self._clients("dynamodb")
            return dict(getattr(client, operation)(TableName=self._table, **parameters))
        except Exception as error:
            response = getattr(error, "response", {})
            if response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return {"refused": response.get("Item", {})}
            log(WARNING, "State table not available", operation=operation, reason=f"{error}")
            return {}
