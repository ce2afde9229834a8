"""A Fargate service behind a load balancer, made to be deployed to by a pipeline."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from aws_cdk import Duration, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from container_pipelines._acknowledge import acknowledge, acknowledge_wildcards
from container_pipelines._checks import check_duration
from container_pipelines._trust import service_of_this_account
from container_pipelines.registry.ecr_repo import LOGIN_REASON
from container_pipelines.registry.image_pointer import ImagePointer
from container_pipelines.service._parameters import PORT_VARIABLE, check_parameters
from container_pipelines.service._service_deployment import (
    add_hooks,
    check_deployment,
    deployment_options,
    say_controller,
)
from container_pipelines.service.code_deploy_target import CodeDeployTarget
from container_pipelines.service.deployments import BlueGreen, CodeDeployBlueGreen, EcsBlueGreen
from container_pipelines.service.service_options import HealthCheck, Scaling
from container_pipelines.service.traffic_routes import (
    forward_actions,
    infrastructure_role,
    listener_rule,
    target_group,
    to_https,
)
from container_pipelines.service.validation_hooks import TrafficTest, bind_hooks

_PORT_NAME: Final = "http"


class LoadBalancedService(Construct):
    """A Fargate service whose image comes from the pipeline and whose settings come from CDK.

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
    service_name
        The service's name, and its task definition's family; made by CloudFormation by default.
    cpu
        CPU units of a task; 1024 are one vCPU.
    memory
        MiB of a task.
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
    priority
        The listener rule's priority, from 1 to 50000; each rule of a listener needs its own, and
        the lowest number is asked first.
    path_patterns
        The paths that the service gets, up to 5 with the hosts; all by default.
    host_headers
        The host names that the service gets; all by default.
    user
        The number of the user that the container runs as, never root's, and maybe of a group, such
        as ``1000:1000``; the image's own user by default. No name: the seed image knows none.
    read_only_root_filesystem
        Whether the container cannot write to its own file system; so by default.
    stop_timeout
        How long a task may take to stop, up to 120 seconds; 30 seconds by default.
    vpc_subnets
        Where tasks run; in the VPC's private subnets by default.
    assign_public_ip
        Whether tasks get a public address; needed in public subnets without NAT.
    enable_execute_command
        Whether people may open a shell in a task by ECS Exec. Its agent writes to the container's
        file system, so ``read_only_root_filesystem`` must be ``False`` with it.
    log_retention
        How long logs are kept; one month by default.

    Attributes
    ----------
    service
        The ECS service.
    task_definition
        The task definition that CloudFormation registers; the pipeline derives its own from it.
    container
        The container that is released.
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
    log_group
        Where the container logs.

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
        service_name: str | None = None,
        cpu: int = 256,
        memory: int = 512,
        cpu_architecture: ecs.CpuArchitecture | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, ecs.Secret] | None = None,
        health_check: HealthCheck | None = None,
        deployment: BlueGreen | None = None,
        scaling: Scaling | None = None,
        desired_count: int | None = None,
        priority: int = 100,
        path_patterns: Sequence[str] = ("/*",),
        host_headers: Sequence[str] = (),
        user: str | None = None,
        read_only_root_filesystem: bool = True,
        stop_timeout: Duration | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        assign_public_ip: bool = False,
        enable_execute_command: bool = False,
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
        )
        if enable_execute_command and read_only_root_filesystem:
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
            raise ValueError(
                "'read_only_root_filesystem' must be False with 'enable_execute_command', got "
                "True: the agent of ECS Exec writes to the container's file system; give False "
                "while people need a shell"
            )
        check_deployment(deployment, listener, scaling)
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
        self._listener = listener
        self._container_port = container_port
        self._test_host = next((host for host in host_headers if not set(host) & set("*?")), None)
        image = image_pointer.container_image(self)
        health = health_check or HealthCheck()
        self.log_group = logs.LogGroup(self, "Logs", retention=log_retention)
        self.task_role = iam.Role(
            self,
            "TaskRole",
            assumed_by=service_of_this_account(self, "ecs-tasks.amazonaws.com"),
            description="What the application may do",
        )
        self.execution_role = iam.Role(
            self,
            "ExecutionRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="What ECS needs to start a task: its image, its logs, its secrets",
        )
        repository.grant_pull(self.execution_role)
        acknowledge_wildcards(self.execution_role, {"*": LOGIN_REASON})
        self.task_definition = ecs.FargateTaskDefinition(
            self,
            "TaskDefinition",
            family=service_name,
            cpu=cpu,
            memory_limit_mib=memory,
            task_role=self.task_role,
            execution_role=self.execution_role,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=cpu_architecture or ecs.CpuArchitecture.X86_64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
        )
        self.container = self.task_definition.add_container(
            container_name,
            container_name=container_name,
            image=image,
            # Service Connect finds a port by its name.
            port_mappings=[ecs.PortMapping(container_port=container_port, name=_PORT_NAME)],
            environment={PORT_VARIABLE: str(container_port), **(environment or {})},
            secrets=dict(secrets or {}),
            user=user,
            readonly_root_filesystem=read_only_root_filesystem,
            stop_timeout=stop_timeout,
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix=container_name,
                log_group=self.log_group,
                # A full log buffer must not stall the application; at its default of 1 MiB it would
                # lose lines early.
                mode=ecs.AwsLogDriverMode.NON_BLOCKING,
                max_buffer_size=Size.mebibytes(25),
            ),
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
            assign_public_ip=assign_public_ip,
            enable_execute_command=enable_execute_command,
            enable_ecs_managed_tags=True,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        say_controller(self.service, deployment)
        if enable_execute_command:
            acknowledge_wildcards(
                self.task_role,
                {"*": "The channels of ECS Exec (ssmmessages) have no resource in IAM."},
            )
        group = partial(target_group, self, vpc=cluster.vpc, health=health)
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
        if scaling is not None:
            self._scale(scaling)
        acknowledge(
            self.task_definition,
            "AwsSolutions-ECS2",
            "Plain settings such as the port stand here; 'secrets' takes what is secret.",
        )

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
        if not isinstance(deployment, EcsBlueGreen):
            self.service.attach_to_application_target_group(self.target_group)
            # No rule may name the one that is not live, but CodeDeploy puts it behind the listener.
            for group in (self.target_group, green):
                group.register_listener(self._listener)
            green.register_connectable(self.service, ec2.Port.tcp(self._container_port))
            return
        rules = [self.listener_rule]
        if self.test_listener_rule is not None:
            rules.append(self.test_listener_rule)
        role = infrastructure_role(self, target_groups=[self.target_group, green], rules=rules)
        production, *test = map(ecs.ListenerRuleConfiguration.application_listener_rule, rules)
        self.service.load_balancer_target(
            container_name=self.container.container_name,
            container_port=self._container_port,
            alternate_target=ecs.AlternateTarget(
                "Green",
                alternate_target_group=green,
                production_listener=production,
                test_listener=next(iter(test), None),
                role=role,
            ),
        ).attach_to_application_target_group(self.target_group)
        green.register_connectable(self.service, ec2.Port.tcp(self._container_port))
        self.service.node.add_dependency(role)
        traffic = TrafficTest(deployment.test_listener, self._test_host)
        hooks = bind_hooks(self, tuple(deployment.hooks), traffic)
        add_hooks(self, self.service, hooks, deployment)

    def _scale(self, scaling: Scaling) -> None:
        count = self.service.auto_scale_task_count(
            min_capacity=scaling.min_tasks, max_capacity=scaling.max_tasks
        )
        if scaling.cpu_percent is not None:
            count.scale_on_cpu_utilization("Cpu", target_utilization_percent=scaling.cpu_percent)
        if scaling.memory_percent is not None:
            count.scale_on_memory_utilization(
                "Memory", target_utilization_percent=scaling.memory_percent
            )
        if scaling.requests_per_task is not None:
            count.scale_on_request_count(
                "Requests",
                requests_per_target=scaling.requests_per_task,
                target_group=self.target_group,
            )
