"""One service on the platform."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from container_pipelines import (
    CodeDeployBlueGreen,
    EcsBlueGreen,
    HealthCheck,
    HttpProbe,
    LiveGroup,
    LoadBalancedService,
    Pause,
    Scaling,
    TrafficShift,
)
from stacks._existing import existing_vpc
from stacks._secrets import warn_of_secrets
from stacks.blue_green_settings import BlueGreenSettings, ProbeSettings, TrafficShiftSettings
from stacks.container_settings import Container, HealthCheckSettings, ScalingSettings
from stacks.platform_settings import ExistingPlatform
from stacks.platform_stack import PlatformStack
from stacks.registry_stack import RegistryStack
from stacks.service_settings import Service

_PARTS_OF_ARN: Final = 7
_ARCHITECTURES = {"amd64": ecs.CpuArchitecture.X86_64, "arm64": ecs.CpuArchitecture.ARM64}


class ServiceStack(cdk.Stack):
    """A load-balanced Fargate service.

    Parameters
    ----------
    scope
        The app.
    construct_id
        The stack's id.
    settings
        The service's settings.
    platform
        What it runs on: made by the app, or there already.
    registry
        Where its images are.
    env
        Where the stack goes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Service,
        platform: PlatformStack | ExistingPlatform,
        registry: RegistryStack,
        env: cdk.Environment | None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=f"The service {settings.name}")
        # Exports: AWS refuses to take away or to replace what the service runs on.
        cdk.CrossStackReferences.of(self).consume(cdk.ReferenceStrength.STRONG)
        container = settings.container or Container()
        warn_of_secrets(self, "container.environment", container.environment)
        if isinstance(platform, ExistingPlatform):
            cluster = self._cluster(platform)
            listener, test_listener = self._listeners(platform)
            http_listener = None
        else:
            cluster = platform.cluster
            listener, test_listener = platform.listener, platform.test_listener
            http_listener = platform.http_listener
        self.service = LoadBalancedService(
            self,
            "Service",
            cluster=cluster,
            listener=listener,
            redirected_listener=http_listener,
            repository=registry.repository,
            image_pointer=registry.image_pointer,
            service_name=settings.name,
            container_name=container.name,
            container_port=container.port,
            cpu=container.cpu,
            memory=container.memory,
            cpu_architecture=_ARCHITECTURES[container.architecture],
            environment=container.environment,
            secrets={
                **{
                    variable: ecs.Secret.from_ssm_parameter(
                        ssm.StringParameter.from_secure_string_parameter_attributes(
                            self, f"Secret{variable}", parameter_name=parameter
                        )
                    )
                    for variable, parameter in container.secret_parameters.items()
                },
                **{
                    variable: self._secret(f"Secret{variable}", arn)
                    for variable, arn in container.secrets.items()
                },
            },
            ephemeral_storage_gib=container.ephemeral_storage_gib,
            command=container.command,
            user=container.user,
            read_only_root_filesystem=container.read_only_root_filesystem,
            enable_execute_command=container.execute_command,
            stop_timeout=cdk.Duration.seconds(container.stop_timeout_seconds),
            health_check=_health_check(settings.health_check or HealthCheckSettings()),
            deployment=(
                self._deployment(
                    settings.shift,
                    test_listener,
                    test_url=platform.test_url if isinstance(platform, ExistingPlatform) else None,
                    vpc=cluster.vpc,
                )
                if settings.shift
                else None
            ),
            scaling=_scaling(settings.scaling) if settings.scaling else None,
            priority=settings.priority,
            path_patterns=[settings.path_pattern],
            host_headers=settings.host_headers,
            desired_count=settings.tasks,
            stickiness=(
                cdk.Duration.minutes(settings.stickiness_minutes)
                if settings.stickiness_minutes
                else None
            ),
        )

    def _secret(self, construct_id: str, arn: str) -> ecs.Secret:
        parts = arn.split(":")
        secret = secretsmanager.Secret.from_secret_complete_arn(
            self, construct_id, ":".join(parts[:_PARTS_OF_ARN])
        )
        return ecs.Secret.from_secrets_manager(secret, next(iter(parts[_PARTS_OF_ARN:]), None))

    # Imported here and not in a separate stack: the CDK puts the rule that lets the load balancer
    # reach the tasks into the stack of what was imported, which would be deployed too late.

    def _cluster(self, existing: ExistingPlatform) -> ecs.ICluster:
        return ecs.Cluster.from_cluster_attributes(
            self, "Cluster", cluster_name=existing.cluster_name, vpc=existing_vpc(self, existing)
        )

    def _listeners(
        self, existing: ExistingPlatform
    ) -> tuple[elbv2.IApplicationListener, elbv2.IApplicationListener | None]:
        load_balancer = ec2.SecurityGroup.from_security_group_id(
            self, "LoadBalancerSecurityGroup", existing.load_balancer_security_group_id
        )

        def listener(construct_id: str, arn: str) -> elbv2.IApplicationListener:
            return elbv2.ApplicationListener.from_application_listener_attributes(
                self, construct_id, listener_arn=arn, security_group=load_balancer
            )

        test_arn = existing.test_listener_arn
        return (
            listener("Listener", existing.listener_arn),
            listener("TestListener", test_arn) if test_arn else None,
        )

    def _deployment(
        self,
        settings: BlueGreenSettings,
        test_listener: elbv2.IApplicationListener | None,
        *,
        test_url: str | None,
        vpc: ec2.IVpc,
    ) -> EcsBlueGreen | CodeDeployBlueGreen:
        probe, pause, approval = settings.probe, settings.pause_minutes, settings.approval_minutes
        shift = _traffic_shift(settings.traffic_shift)
        keep = cdk.Duration.minutes(settings.keep_minutes)
        live_group = LiveGroup[settings.live_group.upper()]
        hooks = [_http_probe(probe, test_url, vpc)] if probe else []
        alarms = [
            cloudwatch.Alarm.from_alarm_name(self, f"Alarm{number}", name)
            for number, name in enumerate(settings.alarm_names, start=1)
        ]
        if settings.engine == "ecs":
            return EcsBlueGreen(
                traffic_shift=shift,
                bake_time=keep,
                test_listener=test_listener,
                hooks=hooks,
                alarms=alarms,
                pause=Pause(timeout=cdk.Duration.minutes(pause)) if pause else None,
                live_group=live_group,
            )
        return CodeDeployBlueGreen(
            traffic_shift=shift,
            termination_wait=keep,
            test_listener=test_listener,
            hooks=hooks,
            alarms=alarms,
            approval_wait=cdk.Duration.minutes(approval) if approval else None,
            live_group=live_group,
        )


def _health_check(settings: HealthCheckSettings) -> HealthCheck:
    return HealthCheck(
        path=settings.path,
        interval=cdk.Duration.seconds(settings.interval_seconds),
        timeout=cdk.Duration.seconds(settings.timeout_seconds),
        healthy_threshold=settings.healthy_threshold,
        unhealthy_threshold=settings.unhealthy_threshold,
        healthy_http_codes=settings.healthy_codes,
        grace_period=cdk.Duration.seconds(settings.grace_period_seconds),
    )


def _http_probe(settings: ProbeSettings, base_url: str | None, vpc: ec2.IVpc) -> HttpProbe:
    return HttpProbe(
        path=settings.path,
        status=settings.status,
        timeout=cdk.Duration.seconds(settings.timeout_seconds),
        base_url=base_url,
        vpc=vpc,
    )


def _traffic_shift(settings: TrafficShiftSettings) -> TrafficShift:
    if settings.type == "all-at-once":
        return TrafficShift.all_at_once()
    time = None if settings.minutes is None else cdk.Duration.minutes(settings.minutes)
    make = TrafficShift.linear if settings.type == "linear" else TrafficShift.canary
    return make(settings.percent, time)


def _scaling(settings: ScalingSettings) -> Scaling:
    return Scaling(
        min_tasks=settings.min_tasks,
        max_tasks=settings.max_tasks,
        cpu_percent=settings.cpu_percent if settings.follows_cpu else None,
        memory_percent=settings.memory_percent,
        requests_per_task=settings.requests_per_task,
    )
