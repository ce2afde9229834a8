"""Events that AWS services send to EventBridge about themselves."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.services import eventbridge


def emit(
    source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
) -> None:
    """Send an event to the default bus of the current scope.

    Parameters
    ----------
    source
        Such as ``aws.codepipeline``; the API refuses these to everyone but the services.
    detail_type
        Such as ``CodePipeline Pipeline Execution State Change``.
    detail
        The event's own content.
    resources
        ARNs of what it is about.
    """
    eventbridge._put_events(
        {
            "Entries": [
                {
                    "Source": source,
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail),
                    "Resources": list(resources),
                }
            ]
        },
        allow_aws_source=True,
    )
