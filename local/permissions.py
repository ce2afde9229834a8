"""What the roles of a local cloud were denied."""

import json
import urllib.request
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DeniedCall:
    """A call that AWS would have denied, as the local cloud did."""

    principal: str
    action: str
    resource: str
    reason: str
    times: int

    def __str__(self) -> str:
        return f"{self.principal}: {self.action} on {self.resource}: {self.reason}"


def denied_calls(endpoint: str) -> list[DeniedCall]:
    """Return the calls that were denied so far.

    Parameters
    ----------
    endpoint
        The address of the local cloud.
    """
    with urllib.request.urlopen(f"{endpoint}/_local/permissions") as answer:  # noqa: S310
        calls = json.load(answer)["calls"]
    return [
        DeniedCall(
            principal=call["principal"],
            action=call["action"],
            resource=call["resource"],
            reason=call["denied"],
            times=call["times"],
        )
        for call in calls
        if call["denied"]
    ]
