"""The permissions by which the notifier looks up details of the monitored resources."""

import functools

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from container_pipelines._acknowledge import acknowledge_wildcards
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
    stack = Stack.of(scope)
    holder = role if stack is Stack.of(role) else iam.Policy(scope, "LookUps", roles=[role])
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
        build_logs = _build_logs(stack, monitored.project, monitored.build_log_group)
        allow(actions=["logs:GetLogEvents"], resource_arns=[build_logs])
        reasons[build_logs] = "Each build has its own log stream."
    if monitored.deployment_group is not None:
        allow(
            actions=["codedeploy:GetDeployment"],
            resource_arns=[monitored.deployment_group.deployment_group_arn],
        )
    if monitored.service is not None:
        ecs_arn = functools.partial(stack.format_arn, service="ecs")
        service = f"{monitored.cluster_name}/{monitored.service_name}"
        tasks = ecs_arn(resource="task", resource_name=f"{monitored.cluster_name}/*")
        allow(
            actions=["ecs:DescribeServices"],
            resource_arns=[ecs_arn(resource="service", resource_name=service)],
        )
        allow(actions=["ecs:DescribeTasks"], resource_arns=[tasks])
        allow(
            actions=["ecs:ListTasks"],
            resource_arns=["*"],
            conditions={"ArnEquals": {"ecs:cluster": monitored.cluster_arn}},
        )
        reasons["*"] = "ecs:ListTasks knows no service; it is bound to the cluster."
        reasons[tasks] = "The ids of tasks arise with them, within the cluster."
    if reasons:
        acknowledge_wildcards(holder, reasons)


def _build_logs(stack: Stack, project: codebuild.IProject, log_group: logs.ILogGroup | None) -> str:
    # By its name: the ARN that the CDK knows ends in ":*" already, and IAM would match no stream.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    if log_group is not None:
        name = log_group.log_group_name
    else:
        # Where CodeBuild logs unless a project says otherwise.
        name = f"/aws/codebuild/{project.project_name}"
    return stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{name}:log-stream:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
