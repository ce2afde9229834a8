"""What a pipeline's earlier executions say about this one. Pure: nothing is stored anywhere."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any


def broken_since(
    executions: Sequence[Mapping[str, Any]],
    execution: str,
    actions: Sequence[Mapping[str, Any]] = (),
) -> datetime | None:
    """Find when the failure began that a successful execution has ended.

    Parameters
    ----------
    executions
        The pipeline's executions as ListPipelineExecutions gives them, newest first.
    execution
        The id of the successful one.
    actions
        Its actions as ListActionExecutions gives them. An execution that failed and was retried is
        listed as a success alone; only its actions still show it.

    Returns
    -------
    datetime or None
        The end of the first failure since the last success; ``None`` if nothing was broken.
    """
    began = [
        action["lastUpdateTime"]
        for action in actions
        if action.get("status") == "Failed" and "lastUpdateTime" in action
    ]
    found = False
    for summary in executions:
        if summary.get("pipelineExecutionId") == execution:
            found = True
        elif found and summary.get("status") == "Failed" and "lastUpdateTime" in summary:
            began.append(summary["lastUpdateTime"])
        elif found and summary.get("status") == "Succeeded":
            break
    return min(began, default=None)
