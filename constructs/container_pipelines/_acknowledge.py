"""Acknowledgements of what security checks find, where the finding arises and for it alone.

They stand for cdk-nag's packs AWS Solutions, HIPAA Security, NIST 800-53 R5, PCI DSS 3.2.1 and
Serverless. Whether an app has them checked is not known here: one call for each construct is what
acknowledging costs where it has not.

A finding about a wildcard carries the statement's resource in its id, in the notation of cdk-nag.
A resource of another stack only gets its final form while the app is synthesized, so such an
acknowledgement is made then.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import jsii
from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct, IValidation

from container_pipelines._checks import is_token
from container_pipelines._once import stack_of

_METADATA_KEY: Final = Validations.ACKNOWLEDGED_RULES_METADATA_KEY
_COMPLIANCE_PACKS: Final = ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")


def acknowledge(
    scope: IConstruct,
    reasons: Mapping[str, str],
    *,
    wildcards: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Acknowledge findings below a construct.

    Parameters
    ----------
    scope
        The construct.
    reasons
        Why each is right here, for a reviewer; by the finding's id, such as ``AwsSolutions-CB4``,
        or by the name of a rule that the compliance packs share, such as ``IAMNoInlinePolicy``.
    wildcards
        Why each resource with a wildcard cannot be narrower; by the resource as the statement has
        it. None by default.
    """
    # Without a token a resource is in its final form.
    stack = stack_of(scope) if any(map(is_token, wildcards)) else None
    findings = _findings(stack, tuple(wildcards))
    ids = {id_: reason for rule, reason in reasons.items() for id_ in _ids(rule)}
    ids |= zip(findings, wildcards.values(), strict=True)
    Validations.of(scope).acknowledge(
        *(Acknowledgment(id=id_, reason=reason) for id_, reason in ids.items())
    )
    if stack is not None:
        _final_forms(stack).wildcards.extend(
            _Wildcard(scope, resource, finding, reason)
            for finding, (resource, reason) in zip(findings, wildcards.items(), strict=True)
        )


def acknowledge_wildcards(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge that statements name resources with a wildcard.

    Parameters
    ----------
    scope
        The role or the policy with the statements, or what has all roles of one kind.
    reasons
        Why each cannot be narrower, for a reviewer; by the resource as the statement has it.
    """
    acknowledge(scope, {}, wildcards=reasons)


def _ids(rule: str) -> list[str]:
    return [rule] if "-" in rule else [f"{pack}-{rule}" for pack in _COMPLIANCE_PACKS]


@dataclass(frozen=True, slots=True)
class _Wildcard:
    scope: IConstruct
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
        findings = _findings(self._stack, tuple(wildcard.resource for wildcard in self.wildcards))
        for wildcard, finding in zip(self.wildcards, findings, strict=True):
            if finding != wildcard.finding:
                # What acknowledge() records; but that adds a stack trace, which at this moment
                # names a temporary folder, and two syntheses would differ.
                wildcard.scope.node.add_metadata(
                    _METADATA_KEY, {f"Annotation::{finding}": wildcard.reason}
                )
        return []


@functools.cache
def _final_forms(stack: Stack) -> _FinalForms:
    forms = _FinalForms(stack)
    stack.node.add_validation(forms)
    return forms


def _findings(stack: Stack | None, resources: tuple[str, ...]) -> list[str]:
    final = resources if stack is None else stack.resolve(list(resources))
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
