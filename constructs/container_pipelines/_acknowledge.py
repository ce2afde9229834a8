"""Acknowledgements of what security checks find, where the finding arises and for it alone.

A finding about a wildcard carries the statement's resource in its id, in the notation of cdk-nag.
A resource of another stack only gets its final form while the app is synthesized, so such an
acknowledgement is made then.
"""

import json
from typing import Any

import jsii
from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from constructs import IConstruct, IValidation


def acknowledge(scope: IConstruct, finding: str, reason: str) -> None:
    """Acknowledge one finding below a construct.

    Parameters
    ----------
    scope
        The construct.
    finding
        The finding's id, such as ``AwsSolutions-CB3``.
    reason
        Why it is right here; for a reviewer.
    """
    Validations.of(scope).acknowledge(Acknowledgment(id=finding, reason=reason))


def acknowledge_wildcard(role: iam.Role | iam.Policy, resource: str, reason: str) -> None:
    """Acknowledge that a role's statement names a resource with a wildcard.

    Parameters
    ----------
    role
        The role, or a separate policy.
    resource
        The resource as the statement has it.
    reason
        Why it cannot be narrower; for a reviewer.
    """
    finding = _finding(role, resource)
    acknowledge(role, finding, reason)
    role.node.add_validation(_FinalForm(role, resource, finding, reason))


@jsii.implements(IValidation)
class _FinalForm:
    def __init__(
        self, role: iam.Role | iam.Policy, resource: str, finding: str, reason: str
    ) -> None:
        self._role = role
        self._resource = resource
        self._finding = finding
        self._reason = reason

    def validate(self) -> list[str]:
        finding = _finding(self._role, self._resource)
        if finding != self._finding:
            # What acknowledge() records; but that adds a stack trace, which at this moment names a
            # temporary folder, and two syntheses would differ.
            self._role.node.add_metadata(
                Validations.ACKNOWLEDGED_RULES_METADATA_KEY,
                {f"Annotation::{finding}": self._reason},
            )
        return []


def _finding(role: iam.Role | iam.Policy, resource: str) -> str:
    return f"AwsSolutions-IAM5[Resource::{_flat(Stack.of(role).resolve(resource))}]"


def _flat(resource: Any) -> str:
    match resource:
        case str():
            return resource.replace("${", "<").replace("}", ">")
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(map(_flat, parts))
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return f"<{_flat(logical_id)}.{_flat(attribute)}>"
        case {"Fn::ImportValue": name}:
            return _flat(name)
        case {"Ref": logical_id}:
            return f"<{_flat(logical_id)}>"
    return json.dumps(resource, separators=(",", ":"))
