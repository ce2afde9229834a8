"""Acknowledgements of what security checks find, where the finding arises and for it alone.

A finding about a wildcard carries the statement's resource in its id, in the notation of cdk-nag.
A resource of another stack only gets its final form while the app is synthesized, so such an
acknowledgement is made then.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsii
from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from constructs import IConstruct, IValidation

from container_pipelines._checks import is_token
from container_pipelines._once import stack_of

_METADATA_KEY: Final = Validations.ACKNOWLEDGED_RULES_METADATA_KEY


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


def acknowledge_wildcards(role: iam.Role | iam.Policy, reasons: Mapping[str, str]) -> None:
    """Acknowledge that a role's statements name resources with a wildcard.

    Parameters
    ----------
    role
        The role, or a separate policy.
    reasons
        Why each cannot be narrower, for a reviewer; by the resource as the statement has it.
    """
    # Without a token a resource is in its final form.
    stack = stack_of(role) if any(map(is_token, reasons)) else None
    findings = _findings(stack, list(reasons))
    Validations.of(role).acknowledge(
        *(
            Acknowledgment(id=finding, reason=reason)
            for finding, reason in zip(findings, reasons.values(), strict=True)
        )
    )
    if stack is not None:
        _final_forms(stack).wildcards.extend(
            _Wildcard(role, resource, finding, reason)
            for finding, (resource, reason) in zip(findings, reasons.items(), strict=True)
        )


@dataclass(frozen=True, slots=True)
class _Wildcard:
    role: iam.Role | iam.Policy
    resource: str
    finding: str
    reason: str


@jsii.implements(IValidation)
class _FinalForms:
    """Acknowledges once more what has got another name when the stack is synthesized."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.wildcards: list[_Wildcard] = []

    def validate(self) -> list[str]:
        findings = _findings(self._stack, [wildcard.resource for wildcard in self.wildcards])
        for wildcard, finding in zip(self.wildcards, findings, strict=True):
            if finding != wildcard.finding:
                # What acknowledge() records; but that adds a stack trace, which at this moment
                # names a temporary folder, and two syntheses would differ.
                wildcard.role.node.add_metadata(
                    _METADATA_KEY, {f"Annotation::{finding}": wildcard.reason}
                )
        return []


@functools.cache
def _final_forms(stack: Stack) -> _FinalForms:
    forms = _FinalForms(stack)
    stack.node.add_validation(forms)
    return forms


def _findings(stack: Stack | None, resources: list[str]) -> list[str]:
    final = resources if stack is None else stack.resolve(resources)
    return [f"AwsSolutions-IAM5[Resource::{_flat(resource)}]" for resource in final]


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
