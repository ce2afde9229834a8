"""From an invocation to messages: read, look up, measure, build, deliver, record."""

from collections.abc import Callable
from typing import Any, Protocol

from slack_notifier.aws import Clients
from slack_notifier.event_readers import notice_of
from slack_notifier.log import ERROR, INFO, log, write
from slack_notifier.lookups import Lookups
from slack_notifier.message import build_message
from slack_notifier.metrics import release_metrics
from slack_notifier.notice import Notice, Outcome
from slack_notifier.records import Record, unwrap
from slack_notifier.secret import SecretReader
from slack_notifier.settings import Settings
from slack_notifier.slack import Slack
from slack_notifier.state import State

# What is kept of an invocation's time: to return, and to deliver after the last look-up.
_RESERVE = 2.0
_DELIVERY = 20.0


class Context(Protocol):
    """Lambda's context of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation."""
        ...


class Notifier:
    """The function, with what it depends on.

    Parameters
    ----------
    settings
        Its settings.
    clients
        Makes AWS clients.
    monotonic
        Seconds on a clock that never goes back.
    now
        Seconds since 1970.
    sleep
        Waits for so many seconds.
    timeout
        Seconds that Slack may take to answer.
    """

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], float],
        sleep: Callable[[float], None],
        timeout: float = 5.0,
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._clock = monotonic
        self._state = State(settings.state_table, clients, now)
        self._slack = Slack(
            SecretReader(settings.secret, clients, settings.test_origin),
            channel=settings.channel,
            clock=monotonic,
            sleep=sleep,
            timeout=timeout,
            test_origin=settings.test_origin,
        )

    def handle(self, invocation: object, context: Context) -> dict[str, Any] | None:
        """Send the notifications of all events of an invocation.

        Parameters
        ----------
        invocation
            Its payload.
        context
            Its context.

        Returns
        -------
        dict or None
            For a batch of SQS messages, those that failed.

        Raises
        ------
        Exception
            If an event from elsewhere could not be sent: the event source retries.
        """
        deadline = self._clock() + context.get_remaining_time_in_millis() / 1000 - _RESERVE
        records = unwrap(invocation)
        failures: list[tuple[Record, Exception]] = []
        for record in records:
            try:
                self._process(record, deadline)
            except Exception as error:  # the rest of a batch is processed
                log(ERROR, "Not sent", event=record.id, reason=f"{error}")
                failures.append((record, error))
        if any(record.message_id is not None for record in records):
            identifiers = dict.fromkeys(record.message_id for record, _ in failures)
            return {"batchItemFailures": [{"itemIdentifier": one} for one in identifiers]}
        if failures:
            raise failures[0][1]
        return None

    def _process(self, record: Record, deadline: float) -> None:
        notice = notice_of(record)
        if self._may_be_sent(notice):
            lookups = Lookups(self._clients, lambda: self._clock() + _DELIVERY < deadline)
            notice = lookups.complete(notice)
        self._measure(notice)
        if notice.outcome is not Outcome.UNKNOWN and notice.outcome not in self._settings.notify_on:
            log(INFO, "Not selected", event=notice.id, outcome=notice.outcome, title=notice.title)
            return
        if not self._state.claim(notice.id, lease=max(1.0, deadline - self._clock())):
            log(INFO, "Already sent", event=notice.id, title=notice.title)
            return
        message = build_message(
            notice, service=self._settings.service, docs_url=self._settings.docs_url
        )
        thread = "#".join(filter(None, (notice.origin.pipeline, notice.origin.execution)))
        try:
            self._slack.deliver(message, thread, self._state, deadline)
        except Exception:
            self._state.release(notice.id)
            raise
        self._state.sent(notice.id)
        log(INFO, "Sent", event=notice.id, outcome=notice.outcome, title=notice.title)

    def _may_be_sent(self, notice: Notice) -> bool:
        # A success may turn out to be a recovery, and has metrics in any case.
        ended = notice.origin.level == "pipeline" and notice.outcome is Outcome.SUCCEEDED
        return ended or notice.outcome in self._settings.notify_on

    def _measure(self, notice: Notice) -> None:
        metrics = release_metrics(notice, self._settings.service)
        if metrics and self._state.first(f"metrics#{notice.id}"):
            write(metrics)
