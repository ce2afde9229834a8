"""Who may take a role: a service of AWS, when it acts for this account."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines._once import place_of, stack_of


def service_of_this_account(scope: Construct, service: str) -> iam.ServicePrincipal:
    """Trust a service, and not for what somebody of another account has it do.

    Only of services whose guides show the condition in the trust of such a role: of CodeBuild,
    CodeDeploy, CodePipeline, and of ECS for task roles. Those of Lambda's roles, of ECS's execution
    and infrastructure roles do not, and a condition on what a service does not send is never met.

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
    https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
    https://docs.aws.amazon.com/codedeploy/latest/userguide/security_confused_deputy.html
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    account = place_of(stack_of(scope)).account
    return iam.ServicePrincipal(
        service, conditions={"StringEquals": {"aws:SourceAccount": account}}
    )
