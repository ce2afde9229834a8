"""The task of a load-balanced service: its roles, its definition and its container."""

from collections.abc import Mapping, Sequence
from typing import cast

from aws_cdk import Duration, Size
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from container_pipelines._acknowledge import acknowledge_wildcards
from container_pipelines._trust import service_of_this_account
from container_pipelines.registry.ecr_repo import LOGIN_REASON
from container_pipelines.service._parameters import PORT_VARIABLE


def add_task_role(scope: Construct) -> iam.Role:
    """Make the role of the application.

    Parameters
    ----------
    scope
        The service construct.

    Returns
    -------
    iam.Role
        The role.
    """
    return iam.Role(
        scope,
        "TaskRole",
        assumed_by=service_of_this_account(scope, "ecs-tasks.amazonaws.com"),
        description="What the application may do",
    )


def add_execution_role(scope: Construct, repository: ecr.IRepository) -> iam.Role:
    """Make the role that ECS starts tasks with.

    Parameters
    ----------
    scope
        The service construct.
    repository
        Where it pulls from.

    Returns
    -------
    iam.Role
        The role.
    """
    role = iam.Role(
        scope,
        "ExecutionRole",
        assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        description="What ECS needs to start a task: its image, its logs, its secrets",
    )
    repository.grant_pull(role)
    acknowledge_wildcards(role, {"*": LOGIN_REASON})
    return role


def add_task_definition(
    scope: Construct,
    *,
    family: str | None,
    cpu: int,
    memory: int,
    ephemeral_storage_gib: int | None,
    cpu_architecture: ecs.CpuArchitecture | None,
    task_role: iam.Role,
    execution_role: iam.Role,
) -> ecs.FargateTaskDefinition:
    """Make the task definition, without a container.

    Parameters
    ----------
    scope
        The service construct.
    family, cpu, memory, ephemeral_storage_gib, cpu_architecture
        As the service has them.
    task_role, execution_role
        The two roles.

    Returns
    -------
    ecs.FargateTaskDefinition
        The task definition.
    """
    return ecs.FargateTaskDefinition(
        scope,
        "TaskDefinition",
        family=family,
        cpu=cpu,
        memory_limit_mib=memory,
        ephemeral_storage_gib=ephemeral_storage_gib,
        task_role=task_role,
        execution_role=execution_role,
        runtime_platform=ecs.RuntimePlatform(
            cpu_architecture=cpu_architecture or ecs.CpuArchitecture.X86_64,
            operating_system_family=ecs.OperatingSystemFamily.LINUX,
        ),
    )


def add_container(
    definition: ecs.FargateTaskDefinition,
    *,
    name: str,
    image: ecs.ContainerImage,
    port: int,
    port_name: str,
    protocol_version: elbv2.ApplicationProtocolVersion,
    environment: Mapping[str, str] | None,
    secrets: Mapping[str, ecs.Secret] | None,
    command: Sequence[str],
    health_check: ecs.HealthCheck | None,
    user: str | None,
    read_only_root_filesystem: bool,
    stop_timeout: Duration,
    logging: ecs.LogDriver,
) -> ecs.ContainerDefinition:
    """Add the container that is released.

    Parameters
    ----------
    definition
        The task definition.
    name, port, port_name, protocol_version, environment, secrets, command, health_check, user
        As the service has them.
    read_only_root_filesystem, stop_timeout, logging
        As the service has them.
    image
        The image that the pointer names.

    Returns
    -------
    ecs.ContainerDefinition
        The container.
    """
    return definition.add_container(
        name,
        container_name=name,
        image=image,
        # Service Connect finds a port by its name.
        port_mappings=[
            ecs.PortMapping(
                container_port=port,
                name=port_name,
                app_protocol=_app_protocol(protocol_version),
            )
        ],
        environment={PORT_VARIABLE: str(port), **(environment or {})},
        secrets=dict(secrets or {}),
        command=list(command) or None,
        health_check=health_check,
        user=user,
        readonly_root_filesystem=read_only_root_filesystem,
        stop_timeout=stop_timeout,
        logging=logging,
    )


def _app_protocol(version: elbv2.ApplicationProtocolVersion) -> ecs.AppProtocol | None:
    """Give what Service Connect is told of the port; nothing of HTTP/1.1."""
    # The CDK's annotations make functions of these two.
    match version:
        case elbv2.ApplicationProtocolVersion.HTTP2:
            return cast("ecs.AppProtocol", ecs.AppProtocol.http2)
        case elbv2.ApplicationProtocolVersion.GRPC:
            return cast("ecs.AppProtocol", ecs.AppProtocol.grpc)
    return None


def log_to(log_group: logs.ILogGroup, stream_prefix: str) -> ecs.LogDriver:
    """Log to CloudWatch Logs.

    Parameters
    ----------
    log_group
        The log group.
    stream_prefix
        What its streams' names start with.

    Returns
    -------
    ecs.LogDriver
        The driver.
    """
    return ecs.LogDrivers.aws_logs(
        stream_prefix=stream_prefix,
        log_group=log_group,
        # A full log buffer must not stall the application; at its default of 1 MiB it would lose
        # lines early.
        mode=ecs.AwsLogDriverMode.NON_BLOCKING,
        max_buffer_size=Size.mebibytes(25),
    )
