"""The Lambda function's entry point.

An event that cannot be sent raises, so that Lambda's two retries follow and then the dead-letter
queue. SQS cannot redrive a queue whose messages come from Lambda; an event source mapping from the
queue to this function, created disabled, is what replays it::

    aws lambda update-event-source-mapping --uuid <uuid> --enabled

with ``ReportBatchItemFailures``. What has been sent before is not sent again, what fails again
stays in the queue. Disable the mapping when the queue is empty.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

import os
import time
from functools import lru_cache
from typing import Any

from slack_notifier import aws
from slack_notifier.notifier import Context, Notifier
from slack_notifier.settings import Settings


@lru_cache(maxsize=1)
def _notifier() -> Notifier:
    return Notifier(
        Settings.of(os.environ),
        aws.client,
        monotonic=time.monotonic,
        now=time.time,
        sleep=time.sleep,
    )


def handle(event: object, context: Context) -> dict[str, Any] | None:
    """Send Slack the notification of an event.

    Parameters
    ----------
    event
        An event of EventBridge, an alarm's message through SNS, or a batch of the dead-letter
        queue.
    context
        The invocation's context.

    Returns
    -------
    dict or None
        For a batch, the messages that failed.

    Raises
    ------
    Exception
        If the event has not been sent.
    """
    return _notifier().handle(event, context)
