"""EventBridge rules that send events of the monitored resources to a target."""

import functools
from collections.abc import Mapping
from typing import Final

import jsii
from aws_cdk import aws_events as events
from aws_cdk.interfaces.aws_events import IRuleRef
from constructs import Construct

from container_pipelines._names import arn
from container_pipelines.monitoring._event_patterns import event_pattern
from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.notifications import EventKind, NotifyOn

# The text for people. EventBridge puts each line into quotes.
_FIELD: Final = events.EventField.from_path
_LINES: Final[Mapping[EventKind, tuple[tuple[str, str], ...]]] = {
    EventKind.RELEASES: (
        ("Release of", "$.detail.pipeline"),
        ("State", "$.detail.state"),
        ("Execution", "$.detail.execution-id"),
    ),
    EventKind.STAGES: (
        ("Pipeline", "$.detail.pipeline"),
        ("Stage", "$.detail.stage"),
        ("State", "$.detail.state"),
        ("Execution", "$.detail.execution-id"),
    ),
    EventKind.ACTIONS: (
        ("Pipeline", "$.detail.pipeline"),
        ("Action", "$.detail.action"),
        ("State", "$.detail.state"),
        ("Execution", "$.detail.execution-id"),
    ),
    EventKind.APPROVALS: (
        ("Approval of a release of", "$.detail.pipeline"),
        ("Action", "$.detail.action"),
        ("State", "$.detail.state"),
        ("Execution", "$.detail.execution-id"),
    ),
    EventKind.BUILDS: (
        ("Build of", "$.detail.project-name"),
        ("State", "$.detail.build-status"),
        ("Build", "$.detail.build-id"),
    ),
    EventKind.DEPLOYMENTS: (
        ("Deployment of", "$.resources[0]"),
        ("State", "$.detail.eventName"),
        ("Reason", "$.detail.reason"),
    ),
    EventKind.CODE_DEPLOY: (
        ("Deployment of", "$.detail.application"),
        ("Group", "$.detail.deploymentGroup"),
        ("State", "$.detail.state"),
        ("Deployment", "$.detail.deploymentId"),
    ),
    EventKind.TASKS: (
        ("Task stopped of", "$.detail.group"),
        ("Reason", "$.detail.stoppedReason"),
        ("Task", "$.detail.taskArn"),
    ),
    EventKind.SCANS: (
        ("Scan of an image of", "$.detail.repository-name"),
        ("Status", "$.detail.scan-status"),
        ("Findings", "$.detail.finding-severity-counts"),
        ("Image", "$.detail.image-digest"),
    ),
}


@jsii.implements(events.IRuleTarget)
class RuleTarget:
    """A target whose resource policy already admits the account's rules.

    The L2 targets add a statement for each rule, and a function's policy is full after some dozens
    of them.

    Parameters
    ----------
    arn
        The target.
    message
        The input that it gets; the event by default.
    dead_letter_arn
        The dead-letter queue for events that could not be delivered.
    """

    def __init__(
        self,
        arn: str,
        *,
        message: events.RuleTargetInput | None = None,
        dead_letter_arn: str | None = None,
    ) -> None:
        self._arn = arn
        self._message = message
        self._dead_letter_arn = dead_letter_arn

    def bind(self, rule: IRuleRef, id: str | None = None) -> events.RuleTargetConfig:  # noqa: A002 - jsii's name
        """Return the target's configuration for a rule.

        Parameters
        ----------
        rule, id
            The rule, and its name for the target.
        """
        queue = self._dead_letter_arn
        return events.RuleTargetConfig(
            arn=self._arn,
            input=self._message,
            # A notification that is hours late helps nobody; the queue keeps the event.
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=3600, maximum_retry_attempts=20
            ),
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=queue)
            if queue
            else None,
        )


@functools.cache
def plain_text(kind: EventKind) -> events.RuleTargetInput:
    """Render an event as text for people.

    Parameters
    ----------
    kind
        What kind of event.

    Returns
    -------
    events.RuleTargetInput
        The text.
    """
    return events.RuleTargetInput.from_multiline_text(
        "\n".join(f"{label}: {_FIELD(path)}" for label, path in _LINES[kind])
    )


def add_rule(
    scope: Construct,
    construct_id: str,
    *,
    kind: EventKind,
    monitored: MonitoredResources,
    notify_on: frozenset[NotifyOn],
    target: RuleTarget,
) -> None:
    """Add the rule for one kind of event, where something can match it.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        What the rule's id starts with.
    kind
        Which events.
    monitored
        The resources that the events must be about.
    notify_on
        What notifications are sent on.
    target
        The rule's target.
    """
    pattern = event_pattern(kind, scope, monitored, notify_on)
    if pattern is not None:
        events.Rule(
            scope,
            f"{construct_id}{kind.title().replace('_', '')}",
            description=f"Notifications of {monitored.name}: {kind.replace('_', ' ')}",
            event_pattern=pattern,
            targets=[target],
        )


def every_rule(scope: Construct) -> str:
    """Name the rules of a stack's account and region, as a condition of a resource policy does.

    Parameters
    ----------
    scope
        A construct in the stack.

    Returns
    -------
    str
        The pattern of their ARNs.
    """
    return arn(scope, "events", "rule/*")
