"""Pipelines as targets of EventBridge rules."""

from collections.abc import Mapping
from typing import Any

from ministack.services import eventbridge

from local.emulator.pipelines.service import CodePipeline, pipelines


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
            trigger = {"triggerType": "CloudWatchEvent", "triggerDetail": rule.get("Arn", "")}
            codepipeline.start(name, trigger=trigger)

    eventbridge._invoke_target = invoke
