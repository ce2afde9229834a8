"""Rules that hand the events of what is watched to those who are to be told."""

from collections.abc import Mapping
from typing import Final

import jsii
from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk.interfaces.aws_events import IRuleRef
from constructs import Construct

from container_pipelines.monitoring._event_patterns import event_pattern
from container_pipelines.monitoring._watched import Watched
from container_pipelines.monitoring.notifications import EventKind, NotifyOn

# What a person reads who only gets text. EventBridge puts each line into quotes.
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
    """A target that already lets the account's rules in.

    The L2 targets let each rule in by a statement of its own, and a function's policy is full
    after some dozens of them.

    Parameters
    ----------
    arn
        The target.
    message
        What it gets; the event by default.
    dead_letter_arn
        The queue for events that it does not take.
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
        """Say what the rule is to know.

        Parameters
        ----------
        rule, id
            The rule, and its name for the target.
        """
        queue = self._dead_letter_arn
        return events.RuleTargetConfig(
            arn=self._arn,
            input=self._message,
            # An event that is told hours later helps nobody; the queue keeps it.
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=3600, maximum_retry_attempts=20
            ),
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=queue)
            if queue
            else None,
        )


def plain_text(kind: EventKind) -> events.RuleTargetInput:
    """Make a text of an event, for those who read it as it is.

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
    watched: Watched,
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
    watched
        What they must be about.
    notify_on
        What they must tell.
    target
        Who gets them.
    """
    pattern = event_pattern(kind, scope, watched, notify_on)
    if pattern is not None:
        events.Rule(
            scope,
            f"{construct_id}{kind.title().replace('_', '')}",
            description=f"Tells of {watched.name}: {kind.replace('_', ' ')}",
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
    return Stack.of(scope).format_arn(service="events", resource="rule", resource_name="*")
