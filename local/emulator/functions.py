"""Functions as targets of EventBridge rules.

EventBridge calls them asynchronously, so Lambda tries again when they fail, and gives what they
never took to their destination for failures:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html. The emulator does
so for other callers, with seconds for Lambda's minutes, and not for EventBridge.
"""

import json
import logging
from typing import Any

from ministack.services import eventbridge, lambda_svc

_log = logging.getLogger(__name__)


def register() -> None:
    """Call them as AWS does."""
    eventbridge._dispatch_to_lambda = _call


def _call(arn: str, payload: Any) -> None:
    function, configuration, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not configuration:
        _log.warning("There is no function %s for an event", name)
        return
    record = lambda_svc._execution_record_for_config(function, configuration)
    lambda_svc.invoke_async_with_retry(record, json.loads(payload))
