"""Policies as they are in the emulator now: of roles, and of resources."""

import json
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam


def role(arn: str) -> dict[str, Any] | None:
    """Return the record of a role, or None where there is none."""
    account, name = arn.split(":")[4], arn.rpartition("/")[2]
    found: dict[str, Any] | None = iam._roles.get_scoped(account, None, name)
    return found


def of_role(arn: str) -> dict[str, Any] | None:
    """Return the policies of a role by name; None where there is no such role."""
    found = role(arn)
    if found is None:
        return None
    policies = {
        name: document(given) for name, given in (found.get("InlinePolicies") or {}).items()
    }
    account = arn.split(":")[4]
    for attached in found.get("AttachedPolicies", ()):
        managed = iam_evaluator._resolve_managed_policy_document(attached, account)
        if managed is None:
            raise LookupError(f"The policy {attached} of {arn} is not known here")
        policies[attached] = document(managed)
    return policies


def trust(arn: str) -> Any:
    """Return the trust policy of a role; None where there is no such role."""
    found = role(arn)
    return found and document(found["AssumeRolePolicyDocument"])


def of_resource(action: str, resource: str) -> Any:
    """Return the policy of a resource; None where it has none."""
    if action == "sts:AssumeRole":
        return trust(resource)
    service = action.partition(":")[0]
    found = iam_evaluator._resource_policy(service, resource)
    policy = found and document(found[0])
    return policy if policy and policy.get("Statement") else None


def document(given: Any) -> Any:
    """Return a policy document, which may be stored as text."""
    return json.loads(given) if isinstance(given, str) and given else given
