"""The permissions by which the notifier looks up details of the monitored resources."""

import functools

from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._findings import ROLES
from container_pipelines._once import arn, stack_of
from container_pipelines.monitoring.monitored_resources import MonitoredResources


def grant_lookups(scope: Construct, role: iam.Role, monitored: MonitoredResources) -> None:
    """Let the notifier look up what events leave out, about these resources alone.

    In the stack of the role, statements join its policy, where those of all pipelines merge. In
    another one they make a policy of that stack, so that the role's never depends on it.

    Parameters
    ----------
    scope
        A construct of the stack that the resources are known in.
    role
        The notifier's role.
    monitored
        The resources.
    """
    same_stack = stack_of(scope) is stack_of(role)
    holder = role if same_stack else iam.Policy(scope, "LookUps", roles=[role])
    allow = functools.partial(iam.Grant.add_to_principal, grantee=holder)
    reasons: dict[str, str] = {}
    if monitored.pipeline is not None:
        allow(
            actions=[
                "codepipeline:GetPipelineExecution",
                "codepipeline:ListActionExecutions",
                "codepipeline:ListPipelineExecutions",
            ],
            resource_arns=[monitored.pipeline.pipeline_arn],
        )
    if monitored.project is not None:
        allow(actions=["codebuild:BatchGetBuilds"], resource_arns=[monitored.project.project_arn])
        build_logs = _build_logs(scope, monitored)
        allow(actions=["logs:GetLogEvents"], resource_arns=[build_logs])
        reasons[build_logs] = "Each build has its own log stream."
    if monitored.deployment_group is not None:
        allow(
            actions=["codedeploy:GetDeployment"],
            resource_arns=[monitored.deployment_group.deployment_group_arn],
        )
    if monitored.service is not None:
        service = f"{monitored.cluster_name}/{monitored.service_name}"
        tasks = arn(scope, "ecs", f"task/{monitored.cluster_name}/*")
        allow(
            actions=["ecs:DescribeServices"],
            resource_arns=[arn(scope, "ecs", f"service/{service}")],
        )
        allow(actions=["ecs:DescribeTasks"], resource_arns=[tasks])
        allow(
            actions=["ecs:ListTasks"],
            resource_arns=["*"],
            conditions={"ArnEquals": {"ecs:cluster": monitored.cluster_arn}},
        )
        reasons["*"] = "ecs:ListTasks knows no service; it is bound to the cluster."
        reasons[tasks] = "The ids of tasks arise with them, within the cluster."
    acknowledge(holder, ROLES, wildcards=reasons)


def _build_logs(scope: Construct, monitored: MonitoredResources) -> str:
    # By its name: the ARN that the CDK knows ends in ":*" already, and IAM would match no stream.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    if monitored.build_log_group is not None:
        name = monitored.build_log_group.log_group_name
    else:
        # Where CodeBuild logs unless a project says otherwise.
        name = f"/aws/codebuild/{monitored.project_name}"
    return arn(scope, "logs", f"log-group:{name}:log-stream:*")
