"""EventBridge rules that send events of the monitored resources to a target."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_events as events
from constructs import Construct

from container_pipelines.monitoring._event_patterns import event_pattern
from container_pipelines.monitoring.monitored_resources import MonitoredResources
from container_pipelines.monitoring.notifications import EventKind, NotifyOn

# The text for people.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTarget:
    """A target whose resource policy already admits the account's rules.

    The targets of the CDK add a statement for each rule, and a function's policy is full after some
    dozens of them.

    Parameters
    ----------
    arn
        The target.
    as_text
        Whether it gets a few lines of text for people; by default the event itself.
    message
        What it gets in place of the event; the event itself by default.
    dead_letter_arn
        The dead-letter queue for events that could not be delivered; none by default.
    """

    arn: str
    as_text: bool = False
    message: events.CfnRule.InputTransformerProperty | None = None
    dead_letter_arn: str | None = None

    def of_rule(self, kind: EventKind | None = None) -> list[events.CfnRule.TargetProperty]:
        """Return the target as a rule has it.

        Parameters
        ----------
        kind
            What events the rule is for; None for those that have no text.
        """
        queue = self.dead_letter_arn
        return [
            events.CfnRule.TargetProperty(
                id="Target0",
                arn=self.arn,
                input_transformer=_plain_text(kind) if kind and self.as_text else self.message,
                # A notification that is hours late helps nobody; the queue keeps the event.
                retry_policy=events.CfnRule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=20
                ),
                dead_letter_config=(
                    events.CfnRule.DeadLetterConfigProperty(arn=queue) if queue else None
                ),
            )
        ]


@functools.cache
def _plain_text(kind: EventKind) -> events.CfnRule.InputTransformerProperty:
    fields = {
        path: re.sub(r"[^A-Za-z0-9_-]", "-", path.removeprefix("$.")) for _, path in _LINES[kind]
    }
    return events.CfnRule.InputTransformerProperty(
        input_paths_map={name: path for path, name in fields.items()},
        # EventBridge wants each line in quotes.
        input_template="\n".join(f'"{label}: <{fields[path]}>"' for label, path in _LINES[kind]),
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
        # The L2 construct would call back for its target, and bring nothing but that.
        events.CfnRule(
            scope,
            f"{construct_id}{kind.title().replace('_', '')}",
            description=f"Notifications of {monitored.name}: {kind.replace('_', ' ')}",
            event_pattern=pattern,
            state="ENABLED",
            targets=target.of_rule(kind),
        )
