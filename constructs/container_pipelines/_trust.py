"""Who may take a role: a service of AWS, when it acts for this account."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines._names import place_of, stack_of


def service_of_this_account(scope: Construct, service: str) -> iam.ServicePrincipal:
    """Trust a service, and not for what somebody of another account has it do.

    Only of services whose guides show the condition in the trust of such a role.

    Parameters
    ----------
    scope
        Whose account it is.
    service
        The service, such as ``codepipeline.amazonaws.com``.

    Returns
    -------
    iam.ServicePrincipal
        The principal.

    Notes
    -----
    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    account = place_of(stack_of(scope)).account
    return iam.ServicePrincipal(
        service, conditions={"StringEquals": {"aws:SourceAccount": account}}
    )
