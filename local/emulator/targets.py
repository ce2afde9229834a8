"""Pipelines as targets of EventBridge rules.

The target's input may hold ``variables`` and ``sourceRevisions`` as StartPipelineExecution takes
them: https://docs.aws.amazon.com/codepipeline/latest/userguide/create-cwe-ecr-source-console.html
and its like. An event that starts nothing, say because a variable has no value, is logged: on AWS
the rule counts a failed invocation.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from ministack.services import eventbridge

from local.emulator.pipelines.catalogue import pipelines
from local.emulator.pipelines.service import CodePipeline, given_revisions, given_variables
from local.emulator.service import ServiceError

_log = logging.getLogger(__name__)


def register(codepipeline: CodePipeline) -> None:
    """Let rules start pipelines."""
    original = eventbridge._invoke_target

    def invoke(
        target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None
    ) -> None:
        service, name = target["Arn"].split(":")[2], target["Arn"].rpartition(":")[2]
        if service != "codepipeline":
            original(target, event, rule, view)
        elif name in pipelines:
            try:
                given = _input(target, event, rule, view)
                codepipeline.start(
                    name,
                    trigger={
                        "triggerType": "CloudWatchEvent",
                        "triggerDetail": rule.get("Arn", ""),
                    },
                    variables=given_variables(given),
                    revisions=given_revisions(given),
                )
            except (ServiceError, ValueError, KeyError, TypeError) as error:
                _log.warning("The rule %s did not start %s: %r", rule.get("Name"), name, error)

    eventbridge._invoke_target = invoke


def _input(
    target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any
) -> Mapping[str, Any]:
    if transformer := target.get("InputTransformer"):
        view = view or eventbridge._pattern_event_view(event)
        given = eventbridge._apply_input_transformer(transformer, rule, view)
    else:
        given = target.get("Input")
    found: Mapping[str, Any] = json.loads(given) if given else {}
    if not isinstance(found, dict):
        raise TypeError(f"The input must be a JSON object, not {given}")
    return found
