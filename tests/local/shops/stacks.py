"""The stacks under test: small services, each with its repository, its build and its pipeline."""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codeconnections as codeconnections
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from container_pipelines import (
    ArtifactBucket,
    BlueGreenPipeline,
    BuildProject,
    CodeDeployBlueGreen,
    DockerBuild,
    DriftDetector,
    EcrRepo,
    EcsBlueGreen,
    EcsRollingPipeline,
    HealthCheck,
    LoadBalancedService,
    OnDrift,
    PhaseCommands,
    PipelineControls,
    ReleaseRecorder,
    Source,
)
from local.cloud import ACCOUNT
from tests.local.apps import new_app


class Stacks:
    """An app of small services, all behind one load balancer.

    Parameters
    ----------
    folder
        Where its assembly goes.
    name
        The name of its stack and its cluster.
    words
        The environment variable ``WORD`` of services, where it is another than ``one``.

    Attributes
    ----------
    test
        The load balancer's other listener, for traffic that no user sends.
    """

    def __init__(self, folder: Path, name: str, words: Mapping[str, str]) -> None:
        self._name, self._words = name, words
        self._app = new_app(folder)
        self._images = cdk.Stack(self._app, f"{name}-images")
        self._stack = stack = cdk.Stack(self._app, name)
        vpc = ec2.Vpc(
            stack,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
            ],
        )
        balancer = elbv2.ApplicationLoadBalancer(
            stack, "LoadBalancer", vpc=vpc, internet_facing=True
        )
        self._production, self.test = (
            balancer.add_listener(
                name,
                port=port,
                protocol=elbv2.ApplicationProtocol.HTTP,
                default_action=elbv2.ListenerAction.fixed_response(404),
            )
            for name, port in (("Http", 80), ("Test", 8080))
        )
        self._cluster = ecs.Cluster(stack, "Cluster", cluster_name=name, vpc=vpc)
        self._connection = codeconnections.CfnConnection(
            stack, "Connection", connection_name=name, provider_type="GitHub"
        )
        self.recorder = ReleaseRecorder(stack, "Recorder")
        self.bucket = ArtifactBucket(stack, "Artifacts")
        self._count = 0

    def scope(self, name: str) -> Construct:
        """Make a scope in the stack."""
        return Construct(self._stack, name)

    def source(self, name: str) -> Source:
        """Return the source of a service."""
        arn = self._connection.attr_connection_arn
        return Source.github(connection_arn=arn, repository=f"shops/{name}")

    def alarm(self, name: str) -> cloudwatch.Alarm:
        """Make an alarm that is never on by itself."""
        return cloudwatch.Alarm(
            self._stack,
            f"Alarm-{name}",
            alarm_name=name,
            metric=cloudwatch.Metric(namespace=self._name, metric_name="Errors"),
            threshold=1,
            evaluation_periods=1,
        )

    def function(
        self, name: str, code: str, *, may: Mapping[str, str] | None = None
    ) -> lambda_.Function:
        """Make a function of a few lines; `may` has actions of SSM and their parameters."""
        function = lambda_.Function(
            self._stack,
            f"Function-{name}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handle",
            code=lambda_.Code.from_inline(code),
            timeout=cdk.Duration.seconds(30),
        )
        for action, parameter in (may or {}).items():
            function.add_to_role_policy(_on_parameter(action, parameter))
        return function

    def add(
        self,
        name: str,
        deployment: CodeDeployBlueGreen | EcsBlueGreen | None = None,
        *,
        controls: PipelineControls | None = None,
        commands: PhaseCommands | None = None,
        build_may: Mapping[str, str] | None = None,
        drift: bool = False,
    ) -> tuple[LoadBalancedService, EcrRepo]:
        """Add a service with its pipeline, and the repository of its images.

        Parameters
        ----------
        name
            The name of all of them.
        deployment
            How traffic moves to another version; by rolling updates without.
        controls
            What holds the pipeline back.
        commands
            What its build runs beside.
        build_may
            Actions of SSM that these need, and the parameters that they are on.
        drift
            Whether a drift is looked for. Each end of a deployment then calls a function for each
            such service.
        """
        controls = controls or PipelineControls()
        if not drift:
            controls = dataclasses.replace(controls, on_drift=OnDrift.IGNORE)
        images = EcrRepo(self._images, name.title(), repository_name=name)
        scope, folder = self.scope(name.title()), f"services/{name}"
        self._count += 1
        service = LoadBalancedService(
            scope,
            "Service",
            cluster=self._cluster,
            listener=self._production,
            repository=images.repository,
            image_pointer=images.image_pointer,
            service_name=name,
            deployment=deployment,
            environment={"WORD": self._words.get(name, "one")},
            health_check=HealthCheck(
                interval=cdk.Duration.seconds(5),
                timeout=cdk.Duration.seconds(2),
                unhealthy_threshold=2,
                grace_period=cdk.Duration.seconds(5),
            ),
            stop_timeout=cdk.Duration.seconds(2),
            assign_public_ip=True,
            priority=self._count,
            path_patterns=[f"/{name}/*"],
        )
        build = BuildProject(
            scope,
            "Build",
            repository=images.repository,
            project_name=name,
            docker_build=DockerBuild(dockerfile=f"{folder}/Dockerfile", context=folder),
            commands=commands,
        )
        for action, parameter in (build_may or {}).items():
            build.role.add_to_policy(_on_parameter(action, parameter))
        release: dict[str, Any] = {
            "source": self.source(name),
            "build": build,
            "image_pointer": images.image_pointer,
            "recorder": self.recorder,
            "drift_detector": self._drift_detector if drift else None,
            "pipeline_name": name,
            "artifact_bucket": self.bucket,
            "controls": controls,
        }
        if deployment is None:
            EcsRollingPipeline(scope, "Release", service=service.service, **release)
        else:
            BlueGreenPipeline(scope, "Release", service=service, **release)
        return service, images

    @functools.cached_property
    def _drift_detector(self) -> DriftDetector:
        # Its schedule would come in the middle of a test; ends of deployments bring it in any case.
        return DriftDetector(self._stack, "DriftDetector", interval=cdk.Duration.hours(1))

    def synth(self) -> None:
        """Write the assembly."""
        self._app.synth()


def _on_parameter(action: str, parameter: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=[action], resources=[f"arn:aws:ssm:*:{ACCOUNT}:parameter{parameter}"]
    )
