"""The permissions by which the notifier looks up details of the monitored resources."""

from collections.abc import Iterator

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines._acknowledge import acknowledge_wildcard
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
    if Stack.of(scope) is Stack.of(role):
        for statement in _statements(scope, monitored):
            role.add_to_policy(statement)
        holder: iam.Role | iam.Policy = role
    else:
        holder = iam.Policy(
            scope, "LookUps", roles=[role], statements=list(_statements(scope, monitored))
        )
    for resource, reason in _wildcards(scope, monitored):
        acknowledge_wildcard(holder, resource, reason)


def _statements(scope: Construct, monitored: MonitoredResources) -> Iterator[iam.PolicyStatement]:
    if monitored.pipeline is not None:
        yield iam.PolicyStatement(
            actions=[
                "codepipeline:GetPipelineExecution",
                "codepipeline:ListActionExecutions",
                "codepipeline:ListPipelineExecutions",
            ],
            resources=[monitored.pipeline.pipeline_arn],
        )
    if monitored.project is not None:
        yield iam.PolicyStatement(
            actions=["codebuild:BatchGetBuilds"], resources=[monitored.project.project_arn]
        )
        yield iam.PolicyStatement(
            actions=["logs:GetLogEvents"], resources=[_build_logs(scope, monitored)]
        )
    if monitored.deployment_group is not None:
        yield iam.PolicyStatement(
            actions=["codedeploy:GetDeployment"],
            resources=[monitored.deployment_group.deployment_group_arn],
        )
    if monitored.service is not None:
        cluster = monitored.service.cluster
        yield iam.PolicyStatement(
            actions=["ecs:DescribeServices"],
            resources=[
                _ecs(scope, "service", f"{cluster.cluster_name}/{monitored.service.service_name}")
            ],
        )
        yield iam.PolicyStatement(
            actions=["ecs:DescribeTasks"], resources=[_tasks(scope, cluster.cluster_name)]
        )
        yield iam.PolicyStatement(
            actions=["ecs:ListTasks"],
            resources=["*"],
            conditions={"ArnEquals": {"ecs:cluster": cluster.cluster_arn}},
        )


def _wildcards(scope: Construct, monitored: MonitoredResources) -> Iterator[tuple[str, str]]:
    if monitored.project is not None:
        yield _build_logs(scope, monitored), "Each build has its own log stream."
    if monitored.service is not None:
        cluster = monitored.service.cluster.cluster_name
        yield "*", "ecs:ListTasks knows no service; it is bound to the cluster."
        yield _tasks(scope, cluster), "The ids of tasks arise with them, within the cluster."


def _build_logs(scope: Construct, monitored: MonitoredResources) -> str:
    # By its name: the ARN that the CDK knows ends in ":*" already, and IAM would match no stream.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    if monitored.build_log_group is not None:
        name = monitored.build_log_group.log_group_name
    else:
        # Where CodeBuild logs unless a project says otherwise.
        project = monitored.project.project_name if monitored.project is not None else ""
        name = f"/aws/codebuild/{project}"
    return Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{name}:log-stream:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def _tasks(scope: Construct, cluster_name: str) -> str:
    return _ecs(scope, "task", f"{cluster_name}/*")


def _ecs(scope: Construct, resource: str, name: str) -> str:
    return Stack.of(scope).format_arn(service="ecs", resource=resource, resource_name=name)
