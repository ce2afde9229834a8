"""The packs of rules of cdk-nag that a synthesis is checked by, and what is acknowledged."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import aws_cdk as cdk
import cdk_nag
from constructs import IConstruct

RulePack = Literal["hipaa-security", "nist-800-53-r5", "pci-dss-3.2.1", "serverless"]

_PACKS: Final[Mapping[RulePack, Callable[[cdk.App], cdk_nag.NagPack]]] = {
    "hipaa-security": cdk_nag.HIPAASecurityChecks,
    "nist-800-53-r5": cdk_nag.NIST80053R5Checks,
    "pci-dss-3.2.1": cdk_nag.PCIDSS321Checks,
    "serverless": cdk_nag.ServerlessChecks,
}
_COMPLIANCE: Final = ("HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321")


def check(app: cdk.App, further: Sequence[RulePack]) -> None:
    """Have each synthesis of an app checked: by AWS Solutions, and by further packs.

    Parameters
    ----------
    app
        The app. Its synthesis fails with a finding that nobody has acknowledged.
    further
        The further packs.
    """
    cdk.Validations.of(app).add_plugins(
        cdk_nag.AwsSolutionsChecks(app), *(_PACKS[name](app) for name in dict.fromkeys(further))
    )


def acknowledge(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Acknowledge findings below a construct.

    Parameters
    ----------
    scope
        The construct.
    reasons
        Why each is right here, for a reviewer; by the finding's id, such as ``AwsSolutions-S1``, or
        by the name of a rule that the compliance packs share, such as ``IAMNoInlinePolicy``.
    """
    cdk.Validations.of(scope).acknowledge(
        *(
            cdk.Acknowledgment(id=finding, reason=reason)
            for rule, reason in reasons.items()
            for finding in ([rule] if "-" in rule else [f"{pack}-{rule}" for pack in _COMPLIANCE])
        )
    )
