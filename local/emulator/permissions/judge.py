"""Who may do what: decided for each call, and kept for those who want to see it afterwards."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ministack.core.iam_actions import identity_denial_message

from local.emulator.permissions import policies
from local.emulator.permissions.evaluator import Decision, Evaluator, Request
from local.emulator.scope import current
from local.emulator.service import ServiceError

# The CDK's own roles, by which the CLI deploys. They are none of the app's.
_BOOTSTRAP: Final = "cdk-hnb659fds-"


class DeniedError(ServiceError):
    """A call is denied; the message is AWS's.

    Parameters
    ----------
    principal, action, resource
        Who, what and on what.
    """

    def __init__(self, principal: str, action: str, resource: str) -> None:
        super().__init__(
            "AccessDeniedException",
            identity_denial_message(action, _session(principal), resource, False),
        )
        self.action = action
        self.resource = resource


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was judged, as often as it was made."""

    principal: str
    action: str
    resource: str
    reason: str


class Permissions:
    """Decides over the calls of roles."""

    def __init__(self) -> None:
        self._evaluator = Evaluator()
        self._calls: dict[Call, int] = {}
        self._keeping = threading.Lock()

    def demand(
        self,
        principal: str,
        action: str,
        resource: str = "*",
        context: Mapping[str, str] | None = None,
    ) -> None:
        """Decide over a call, and keep it.

        Parameters
        ----------
        principal
            ARN of the role, or the service's principal. Nothing is asked of an empty one: whoever
            that is has deployed all this.
        action, resource
            What, on what.
        context
            Condition keys of the request, beside those that every request has.

        Raises
        ------
        DeniedError
            It is denied.
        """
        if not principal or is_bootstrap(principal):
            return
        decision = self.decide(principal, action, resource, context or {})
        self._keep(Call(principal, action, decision.resource, decision.reason))
        if not decision.allowed:
            raise DeniedError(principal, action, decision.resource)

    def assume(self, role: str, by: str, context: Mapping[str, str] | None = None) -> str:
        """Assume a role, and return it: as a service, or as another role.

        Raises
        ------
        DeniedError
            Its trust policy, or the other role's own, does not let it be.
        """
        if role != by:
            self.demand(by, "sts:AssumeRole", role, context)
        return role

    def decide(
        self, principal: str, action: str, resource: str, context: Mapping[str, str]
    ) -> Decision:
        """Decide over a call that nobody makes."""
        scope = current()
        account = (resource.split(":") + [""] * 5)[4] or scope.account
        is_role = principal.startswith("arn:")
        try:
            own = policies.of_role(principal) if is_role else {}
        except LookupError as error:
            return Decision(False, resource, str(error))
        if own is None:
            return Decision(False, resource, f"there is no role {principal}")
        always = {
            "aws:SecureTransport": "true",
            "aws:RequestedRegion": scope.region,
            "aws:ResourceAccount": account,
            **(
                {"aws:PrincipalArn": principal, "aws:PrincipalAccount": principal.split(":")[4]}
                if is_role
                else {"aws:SourceAccount": scope.account}
            ),
        }
        return self._evaluator.decide(
            Request(
                principal=principal,
                account=account,
                action=action,
                resource=resource,
                context={**always, **context},
                policies=own,
                resource_policy=policies.of_resource(action, resource),
            )
        )

    def calls(self) -> list[dict[str, Any]]:
        """Return all calls that were judged, the denied ones first."""
        with self._keeping:
            found = sorted(
                self._calls.items(), key=lambda each: (not each[0].reason, _order(each[0]))
            )
        return [
            {
                "principal": call.principal,
                "action": call.action,
                "resource": call.resource,
                "denied": call.reason,
                "times": times,
            }
            for call, times in found
        ]

    def _keep(self, call: Call) -> None:
        with self._keeping:
            self._calls[call] = self._calls.get(call, 0) + 1


permissions: Final = Permissions()


def is_bootstrap(principal: str) -> bool:
    """Tell whether a role is one of the CDK's own."""
    return principal.rpartition("/")[2].startswith(_BOOTSTRAP)


def _order(call: Call) -> Iterable[str]:
    return call.principal, call.action, call.resource


def _session(principal: str) -> str:
    """Name a role's session as AWS's messages do."""
    if not principal.startswith("arn:"):
        return principal
    account, name = principal.split(":")[4], principal.rpartition("/")[2]
    return f"arn:aws:sts::{account}:assumed-role/{name}/local"
