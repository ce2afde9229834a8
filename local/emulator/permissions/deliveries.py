"""What services send to others without a role: events, messages and alarms.

They need to be allowed by the resource's own policy; a pipeline is started by the role of the rule.
What is denied is not delivered: https://docs.aws.amazon.com/eventbridge/latest/userguide/\
eb-use-resource-based.html.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from ministack.services import cloudwatch, eventbridge, sns

from local.emulator.permissions.judge import DeniedError, permissions
from local.emulator.scope import current

_EVENTS: Final = "events.amazonaws.com"
_ACTIONS: Final = {
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
}
_ALARM_ACTIONS: Final = {
    "ALARM": "AlarmActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
    "OK": "OKActions",
}

_log = logging.getLogger(__name__)


def register() -> None:
    """Judge targets of rules, actions of alarms, and what is subscribed to topics."""
    invoke: Callable[..., None] = eventbridge._invoke_target
    invoke_subscribed: Callable[..., None] = sns._deliver_to_lambda
    send_on: Callable[..., None] = sns._deliver_to_sqs

    def judge_target(
        target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], *rest: Any
    ) -> None:
        if _is_allowed(lambda: _demand_target(target, rule)):
            invoke(target, event, rule, *rest)

    def judge_function(function: str, envelope: str, topic: str, *rest: Any) -> None:
        if _is_allowed(lambda: _demand_subscribed(_ACTIONS["lambda"], function, topic)):
            invoke_subscribed(function, envelope, topic, *rest)

    def judge_queue(queue: str, *rest: Any, topic_arn: str, **more: Any) -> None:
        if _is_allowed(lambda: _demand_subscribed(_ACTIONS["sqs"], queue, topic_arn)):
            send_on(queue, *rest, topic_arn=topic_arn, **more)

    alarm_changed: Callable[..., None] = cloudwatch._dispatch_alarm_actions

    def judge_alarm(alarm: Mapping[str, Any], old: str, new: str, *rest: Any) -> None:
        which = _ALARM_ACTIONS[new]
        source = {
            "aws:SourceArn": alarm.get("AlarmArn", ""),
            # By this a topic's default policy lets alarms of its own account in, and no events.
            "aws:SourceOwner": current().account,
        }
        allowed = [
            arn
            for arn in alarm.get(which) or ()
            if ":sns:" not in arn
            or _is_allowed(
                lambda arn=arn: permissions.demand(  # type: ignore[misc]
                    "cloudwatch.amazonaws.com", _ACTIONS["sns"], arn, source
                )
            )
        ]
        alarm_changed({**alarm, which: allowed}, old, new, *rest)

    cloudwatch._dispatch_alarm_actions = judge_alarm
    eventbridge._invoke_target = judge_target
    sns._deliver_to_lambda = judge_function
    sns._deliver_to_sqs = judge_queue


def _demand_target(target: Mapping[str, Any], rule: Mapping[str, Any]) -> None:
    arn, source = target["Arn"], {"aws:SourceArn": rule.get("Arn", "")}
    service = arn.split(":")[2]
    if service == "codepipeline":
        if not target.get("RoleArn"):
            # It may only what a policy of the resource lets it, and a pipeline has none.
            raise DeniedError(_EVENTS, "codepipeline:StartPipelineExecution", arn)
        role = permissions.assume(target["RoleArn"], _EVENTS, source)
        permissions.demand(role, "codepipeline:StartPipelineExecution", arn)
    elif service in _ACTIONS:
        permissions.demand(_EVENTS, _ACTIONS[service], arn, source)


def _demand_subscribed(action: str, resource: str, topic: str) -> None:
    permissions.demand("sns.amazonaws.com", action, resource, {"aws:SourceArn": topic})


def _is_allowed(demand: Callable[[], None]) -> bool:
    try:
        demand()
    except DeniedError as error:
        _log.warning("Not delivered: %s", error)
        return False
    return True
