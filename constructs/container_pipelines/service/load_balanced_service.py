"""A Fargate service behind a load balancer, made to be deployed to by a pipeline."""

import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import jsii
from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from container_pipelines._acknowledge import acknowledge, acknowledge_wildcards
from container_pipelines._checks import check_duration
from container_pipelines._findings import LOGS, ROLES
from container_pipelines._types import checked
from container_pipelines.registry.image_pointer import ImagePointer
from container_pipelines.service._parameters import check_parameters, check_seed_image
from container_pipelines.service._scaling import scale
from container_pipelines.service._service_deployment import (
    add_hooks,
    attach_for_code_deploy,
    attach_for_ecs,
    check_deployment,
    deployment_options,
    say_controller,
)
from container_pipelines.service._task import (
    add_container,
    add_execution_role,
    add_task_definition,
    add_task_role,
    log_to,
)
from container_pipelines.service.code_deploy_target import CodeDeployTarget
from container_pipelines.service.deployments import BlueGreen, CodeDeployBlueGreen
from container_pipelines.service.service_options import HealthCheck, Scaling
from container_pipelines.service.traffic_routes import (
    check_secure,
    forward_actions,
    listener_rule,
    target_group,
    to_https,
)
from container_pipelines.service.validation_hooks import TrafficTest, bind_hooks

_FINDINGS: Final = {
    **ROLES,
    **LOGS,
    "AwsSolutions-ECS2": "Plain settings such as the port stand here; 'secrets' takes what is "
    "secret.",
}
_made: Final[weakref.WeakKeyDictionary[IConstruct, "LoadBalancedService"]] = (
    weakref.WeakKeyDictionary()
)


@checked()
@jsii.implements(ec2.IConnectable, iam.IGrantable)
class LoadBalancedService(Construct):
    """A Fargate service whose image comes from the pipeline and whose settings come from CDK.

    What is granted to it, its ``task_role`` gets; and it is a peer of connections:
    ``table.grant_read_data(web)``, ``database.connections.allow_default_port_from(web)``.

    It comes up on the seed image before anything has been built. The container gets its port
    in ``PORT``. By default a deployment is rolling: it starts the new tasks before it stops the old
    ones (200 % and 100 %), and is rolled back automatically when they do not get healthy.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    cluster
        The cluster; with its VPC.
    listener
        The load balancer's listener that gets a rule for this service. Import an existing one in
        the stack of the service: the rule that lets its load balancer reach the tasks is made in
        the stack that imports it.
    redirected_listener
        A listener that speaks HTTP, for a ``listener`` that speaks HTTPS: the service's requests
        are redirected from the one to the other. It gets the rule that a service without it has on
        its ``listener``, so that a service can move to HTTPS and lose no request: first there is a
        rule on the new listener, then the old one redirects. None by default.
    repository
        The repository that the pipeline pushes to; the service may pull from it.
    image_pointer
        The pointer to the live image. It must be in another stack.
    container_name
        The container's name, which deployments refer to.
    container_port
        The port that the container listens on, from 1 to 65535.
    port_name
        The port's name, which Service Connect finds it by.
    protocol_version
        What the load balancer speaks with the container: HTTP/1.1 by default, ``HTTP2`` or
        ``GRPC``. The listeners then speak HTTPS, ``image_pointer`` has a seed image of yours that
        speaks it as well, and a health check of gRPC has the ``path`` of a method. A decision for a
        new service: a target group cannot change it, and CloudFormation would put an empty one in
        its place.
    service_name
        The service's name, and its task definition's family; made by CloudFormation by default.
    cpu
        CPU units of a task; 1024 are one vCPU.
    memory
        MiB of a task.
    ephemeral_storage_gib
        GiB of a task's own disk, from 21 to 200; by default Fargate's 20.
    cpu_architecture
        The processor; x86-64 by default. Its publisher does not document whether the seed image
        exists for ARM: give an ARM service another ``seed_image``.
    environment
        Further environment variables in plain text.
    secrets
        Environment variables from Parameter Store or Secrets Manager, by name.
    health_check
        When a task counts as healthy; ``/health`` every 30 seconds by default.
    deployment
        How new tasks take over, if not by rolling: :class:`EcsBlueGreen` or
        :class:`CodeDeployBlueGreen`; released by a :class:`BlueGreenPipeline`.
    scaling
        How the number of tasks follows the load; a fixed number by default. Without
        ``requests_per_task`` where there is a ``deployment``.
    desired_count
        A fixed number of tasks. Left out by default, so that a deployment of the stack never
        resets what scaling or a person has set; ECS starts with one.
    stickiness
        For how long the load balancer sends a client to the same task, from 1 second to 7 days; by
        default each request goes to any.
    stickiness_cookie
        The application's cookie that it goes by; the load balancer's own by default.
    priority
        The listener rule's priority, from 1 to 50000; each rule of a listener needs its own, and
        the lowest number is asked first.
    path_patterns
        The paths that the service gets, up to 5 with the hosts; all by default.
    host_headers
        The host names that the service gets; all by default.
    command
        What the container runs in the place of its image's own command; with a seed image of yours,
        which must know it too.
    container_health_check
        A command by which ECS itself asks the container whether it is healthy, beside the load
        balancer; with a seed image of yours, which must have the program. None by default.
    user
        The number of the user that the container runs as, never root's, and maybe of a group, such
        as ``1000:1000``; the image's own user by default. No name: the seed image knows none.
    read_only_root_filesystem
        Whether the container cannot write to its own file system; so by default.
    stop_timeout
        How long a task may take to stop, up to 120 seconds; 30 seconds by default.
    capacity_providers
        By which capacity providers tasks get their machines, such as ``FARGATE_SPOT`` for three of
        four; Fargate alone by default. The cluster must have them
        (``enable_fargate_capacity_providers``). A decision for a new service: CloudFormation may
        replace a service that has a launch type so far.
    vpc_subnets
        Where tasks run; in the VPC's private subnets by default.
    security_groups
        The security groups of the tasks; one of their own by default.
    assign_public_ip
        Whether tasks get a public address; needed in public subnets without NAT.
    enable_execute_command
        Whether people may open a shell in a task by ECS Exec. Its agent writes to the container's
        file system, so ``read_only_root_filesystem`` must be ``False`` with it.
    logging
        Another log driver, such as ``ecs.LogDrivers.firelens(...)``, for which AWS CDK adds the log
        router; CloudWatch Logs by default.
    log_retention
        How long logs are kept in CloudWatch Logs; one month by default.

    Attributes
    ----------
    service
        The ECS service.
    task_definition
        The task definition that CloudFormation registers; the pipeline derives its own from it.
    container
        The container that is released.
    image_pointer
        The pointer that its container reads; a pipeline of the service moves it.
    deployment
        How new tasks take over; None for rolling.
    target_group
        The load balancer's target group; the blue one if there are two.
    green_target_group
        The green target group; None for rolling.
    listener_rule
        The rule that sends traffic to it.
    redirect_rule
        The rule of ``redirected_listener``; None without.
    test_listener_rule
        The rule that sends test traffic; None without a test listener.
    task_role
        What the application may do: nothing, until you grant it something.
    execution_role
        What ECS may do to start a task: pull the image, write logs, read the secrets.

    Raises
    ------
    ValueError
        If a value is out of range or options contradict each other, a hook needs a test listener
        that is not there, the test listener is the listener itself, or another rule of the listener
        has the priority or leaves no request for one of the two.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: ecs.ICluster,
        listener: elbv2.IApplicationListener,
        repository: ecr.IRepository,
        image_pointer: ImagePointer,
        redirected_listener: elbv2.IApplicationListener | None = None,
        container_name: str = "app",
        container_port: int = 3000,
        port_name: str = "http",
        protocol_version: elbv2.ApplicationProtocolVersion = elbv2.ApplicationProtocolVersion.HTTP1,
        service_name: str | None = None,
        cpu: int = 256,
        memory: int = 512,
        ephemeral_storage_gib: int | None = None,
        cpu_architecture: ecs.CpuArchitecture | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, ecs.Secret] | None = None,
        health_check: HealthCheck | None = None,
        deployment: BlueGreen | None = None,
        scaling: Scaling | None = None,
        desired_count: int | None = None,
        stickiness: Duration | None = None,
        stickiness_cookie: str | None = None,
        priority: int = 100,
        path_patterns: Sequence[str] = ("/*",),
        host_headers: Sequence[str] = (),
        command: Sequence[str] = (),
        container_health_check: ecs.HealthCheck | None = None,
        user: str | None = None,
        read_only_root_filesystem: bool = True,
        stop_timeout: Duration | None = None,
        capacity_providers: Sequence[ecs.CapacityProviderStrategy] = (),
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] = (),
        assign_public_ip: bool = False,
        enable_execute_command: bool = False,
        logging: ecs.LogDriver | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
    ) -> None:
        check_parameters(
            container_name=container_name,
            container_port=container_port,
            user=user,
            service_name=service_name,
            cpu=cpu,
            memory=memory,
            variables=[*(environment or {}), *(secrets or {})],
            scaling=scaling,
            desired_count=desired_count,
            priority=priority,
            conditions=[*path_patterns, *host_headers],
            port_name=port_name,
            ephemeral_storage_gib=ephemeral_storage_gib,
            stickiness=stickiness,
            stickiness_cookie=stickiness_cookie,
        )
        check_seed_image(
            image_pointer,
            command=bool(command),
            container_health_check=container_health_check is not None,
            protocol_version=protocol_version is not elbv2.ApplicationProtocolVersion.HTTP1,
        )
        if enable_execute_command and read_only_root_filesystem:
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
            raise ValueError(
                "'read_only_root_filesystem' must be False with 'enable_execute_command', got "
                "True: the agent of ECS Exec writes to the container's file system; give False "
                "while people need a shell"
            )
        check_deployment(deployment, listener, scaling)
        if protocol_version is not elbv2.ApplicationProtocolVersion.HTTP1:
            check_secure("listener", listener, protocol_version)
            if deployment is not None and deployment.test_listener is not None:
                check_secure("deployment.test_listener", deployment.test_listener, protocol_version)
        stop_timeout = stop_timeout or Duration.seconds(30)
        check_duration(
            "stop_timeout",
            stop_timeout,
            minimum=2,
            maximum=120,
            default="give a task 30 seconds to stop",
        )
        super().__init__(scope, construct_id)
        self.deployment = deployment
        self.image_pointer = image_pointer
        self._listener = listener
        self._container_port = container_port
        self._test_host = next((host for host in host_headers if not set(host) & set("*?")), None)
        image = image_pointer.container_image(self)
        health = health_check or HealthCheck()
        self._log_group = (
            logs.LogGroup(self, "Logs", retention=log_retention) if logging is None else None
        )
        self.task_role = add_task_role(self)
        self.execution_role = add_execution_role(self, repository)
        self.task_definition = add_task_definition(
            self,
            family=service_name,
            cpu=cpu,
            memory=memory,
            ephemeral_storage_gib=ephemeral_storage_gib,
            cpu_architecture=cpu_architecture,
            task_role=self.task_role,
            execution_role=self.execution_role,
        )
        self.container = add_container(
            self.task_definition,
            name=container_name,
            image=image,
            port=container_port,
            port_name=port_name,
            protocol_version=protocol_version,
            environment=environment,
            secrets=secrets,
            command=command,
            health_check=container_health_check,
            user=user,
            read_only_root_filesystem=read_only_root_filesystem,
            stop_timeout=stop_timeout,
            logging=logging or log_to(self.log_group, container_name),
        )
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=self.task_definition,
            service_name=service_name,
            desired_count=desired_count,
            min_healthy_percent=100,
            max_healthy_percent=200,
            **deployment_options(deployment),
            health_check_grace_period=health.grace_period,
            vpc_subnets=vpc_subnets,
            security_groups=list(security_groups) or None,
            capacity_provider_strategies=list(capacity_providers) or None,
            assign_public_ip=assign_public_ip,
            enable_execute_command=enable_execute_command,
            enable_ecs_managed_tags=True,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        _made[self.service] = self
        say_controller(self.service, deployment)
        if enable_execute_command:
            acknowledge_wildcards(
                self.task_role,
                {"*": "The channels of ECS Exec (ssmmessages) have no resource in IAM."},
            )
        group = partial(
            target_group,
            self,
            vpc=cluster.vpc,
            health=health,
            protocol_version=protocol_version,
            stickiness=stickiness,
            stickiness_cookie=stickiness_cookie,
        )
        rule = partial(
            listener_rule,
            self,
            priority=priority,
            path_patterns=path_patterns,
            host_headers=host_headers,
        )
        self.target_group = group("TargetGroup")
        self.green_target_group = None if deployment is None else group("GreenTargetGroup")
        self.test_listener_rule: elbv2.ApplicationListenerRule | None = None
        # Where there is one, the redirect has the id of the rule on the listener before it.
        rule_id = "ListenerRule" if redirected_listener is None else "SecureListenerRule"
        if self.green_target_group is None or deployment is None:
            self.service.attach_to_application_target_group(self.target_group)
            self.listener_rule = rule(
                rule_id,
                listener=listener,
                action=elbv2.ListenerAction.forward([self.target_group]),
            )
        else:
            live, other = forward_actions(
                deployment.engine, self.target_group, self.green_target_group, deployment.live_group
            )
            self.listener_rule = rule(rule_id, listener=listener, action=live)
            if deployment.test_listener is not None:
                self.test_listener_rule = rule(
                    "TestListenerRule", listener=deployment.test_listener, action=other
                )
                self.service.node.add_dependency(self.test_listener_rule)
            self._attach_both(self.green_target_group, deployment)
        self.redirect_rule: elbv2.ApplicationListenerRule | None = None
        if redirected_listener is not None:
            self.redirect_rule = rule(
                "ListenerRule", listener=redirected_listener, action=to_https()
            )
            self.redirect_rule.node.add_dependency(self.listener_rule)
            self.service.node.add_dependency(self.redirect_rule)
        # ECS refuses a service whose target group no listener uses yet. Its first tasks start at
        # once: without that policy they cannot pull, which counts for the circuit breaker.
        self.service.node.add_dependency(self.listener_rule, self.execution_role)
        self._task_count = scale(self.service, scaling, self.target_group) if scaling else None
        acknowledge(self, _FINDINGS)

    @property
    def connections(self) -> ec2.Connections:
        """The network connections of the tasks."""
        return self.service.connections

    @property
    def grant_principal(self) -> iam.IPrincipal:
        """The role of the application."""
        return self.task_role

    @property
    def log_group(self) -> logs.LogGroup:
        """Where the container logs.

        Raises
        ------
        ValueError
            If it has another log driver.
        """
        if self._log_group is None:
            raise ValueError(
                "'logging' must be left out for a log group, got a log driver of your own; look "
                "where that one writes to"
            )
        return self._log_group

    @property
    def task_count(self) -> ecs.ScalableTaskCount:
        """The number of tasks, for further policies: by a schedule, a queue's length, any metric.

        Raises
        ------
        ValueError
            If the service does not scale.
        """
        if self._task_count is None:
            raise ValueError(
                "'scaling' must be given for a number of tasks that scales, got None; give "
                "LoadBalancedService a Scaling with the bounds"
            )
        return self._task_count

    @property
    def target_groups(self) -> tuple[elbv2.ApplicationTargetGroup, ...]:
        """The target group, or both."""
        green = self.green_target_group
        return (self.target_group,) if green is None else (self.target_group, green)

    @property
    def code_deploy_target(self) -> CodeDeployTarget:
        """The service as a :class:`BlueGreenPipeline` needs it for CodeDeploy.

        Raises
        ------
        ValueError
            If the service does not deploy by CodeDeploy.
        """
        if not isinstance(self.deployment, CodeDeployBlueGreen):
            raise ValueError(  # noqa: TRY004 - as every other check of a parameter
                "'deployment' must be a CodeDeployBlueGreen for a deployment by CodeDeploy, got "
                f"{type(self.deployment).__name__}; give the service one"
            )
        rules = [self.listener_rule, self.test_listener_rule]
        return CodeDeployTarget(
            service=self.service,
            container_name=self.container.container_name,
            container_port=self._container_port,
            blue_target_group=self.target_group,
            green_target_group=self.green_target_group,
            listener=self._listener,
            listener_rules=[rule for rule in rules if rule is not None],
            test_host=self._test_host,
            deployment=self.deployment,
        )

    def _attach_both(self, green: elbv2.ApplicationTargetGroup, deployment: BlueGreen) -> None:
        pair = (self.target_group, green)
        if isinstance(deployment, CodeDeployBlueGreen):
            attach_for_code_deploy(self.service, pair, self._listener)
        else:
            attach_for_ecs(
                self,
                self.service,
                pair,
                container_name=self.container.container_name,
                container_port=self._container_port,
                rules=[rule for rule in (self.listener_rule, self.test_listener_rule) if rule],
            )
            traffic = TrafficTest(deployment.test_listener, self._test_host)
            hooks = bind_hooks(self, tuple(deployment.hooks), traffic)
            add_hooks(self, self.service, hooks, deployment)
        green.register_connectable(self.service, ec2.Port.tcp(self._container_port))


def construct_of(service: ecs.IBaseService | LoadBalancedService) -> LoadBalancedService | None:
    """Find the construct that made a service.

    Parameters
    ----------
    service
        The service, or the construct.

    Returns
    -------
    LoadBalancedService | None
        The construct; None of a service that is none of this library's.
    """
    return service if isinstance(service, LoadBalancedService) else _made.get(service)
