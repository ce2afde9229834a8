"""The pipeline of one service."""

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines import (
    BlueGreenPipeline,
    BuildProject,
    BuildSecret,
    DockerHubCredentials,
    DriftDetector,
    EcsRollingPipeline,
    LoadBalancedService,
    PullRequestPipeline,
    PullRequestRepository,
    PullThroughCache,
    ReleaseRecorder,
    ScanGate,
    ScanGateMode,
    Severity,
    Source,
)
from stacks._existing import existing_vpc
from stacks._secrets import warn_of_secrets
from stacks.blue_green_settings import LONGEST_ECS_ACTION_MINUTES
from stacks.build_settings import Build, Scan
from stacks.platform_settings import ExistingPlatform
from stacks.platform_stack import PlatformStack
from stacks.pull_request_settings import PullRequestSettings
from stacks.registry_stack import RegistryStack
from stacks.release_controls import pipeline_controls
from stacks.service_settings import ExistingService, Service
from stacks.source_settings import GitHubSource


class PipelineStack(cdk.Stack):
    """Build project and pipeline for a service of the app, or for one that is there already.

    The pipeline has an artifact bucket of its own: a build may write whatever is in its bucket, so
    in a shared one the build of one service could exchange the deploy files of another.

    Parameters
    ----------
    scope
        The app.
    construct_id
        The stack's id.
    settings
        The service's settings.
    service
        The service of the app, or the settings that name one that is there already.
    registry
        Where its images are, and what names the live one.
    recorder
        The recorder that the app's pipelines share.
    drift_detector
        The drift detector that they share.
    connection_arn
        The app's connection, for sources that name none.
    platform
        In whose VPC builds may run; None where there is no platform.
    env
        Where the stack goes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Service,
        service: LoadBalancedService | ExistingService,
        registry: RegistryStack,
        recorder: ReleaseRecorder,
        drift_detector: DriftDetector,
        connection_arn: str | None,
        platform: PlatformStack | ExistingPlatform | None,
        env: cdk.Environment | None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=f"Releases {settings.name}")
        self.build = self._build(
            "Build",
            settings.build,
            settings.name,
            settings.build,
            repository=registry.repository,
            build_image=_build_image(settings),
            # Not for pull requests: nobody has looked yet at what would run beside the services.
            vpc=self._vpc_of_builds(settings.build, platform),
        )
        if settings.images.existing_repository is not None:
            # Otherwise it refers to the repository that is made there.
            self.add_stack_dependency(registry, "the image pointer must exist before it is read")
        warn_of_secrets(self, "build.arguments", settings.build.arguments)
        source = self._source(settings, connection_arn)
        controls = pipeline_controls(self, settings.release)
        timeout = cdk.Duration.minutes(settings.deployment_timeout_minutes)
        given = "deployment_timeout_minutes" in settings.model_fields_set
        self.pipeline: EcsRollingPipeline | BlueGreenPipeline
        if isinstance(service, LoadBalancedService) and service.deployment is not None:
            self.pipeline = BlueGreenPipeline(
                self,
                "Release",
                source=source,
                build=self.build,
                service=service,
                image_pointer=registry.image_pointer,
                recorder=recorder,
                drift_detector=drift_detector,
                pipeline_name=settings.name,
                deployment_timeout=timeout if given else None,
                controls=controls,
            )
        else:
            existing = service if isinstance(service, ExistingService) else None
            if settings.strategy == "blue-green" and not given:
                # How long its own strategy takes is not known here.
                timeout = cdk.Duration.minutes(LONGEST_ECS_ACTION_MINUTES)
            self.pipeline = EcsRollingPipeline(
                self,
                "Release",
                source=source,
                build=self.build,
                service=(
                    self._existing(service)
                    if isinstance(service, ExistingService)
                    else service.service
                ),
                container_name=existing.container_name if existing else None,
                task_roles=self._task_roles(existing) if existing else None,
                image_pointer=registry.image_pointer,
                recorder=recorder,
                drift_detector=drift_detector,
                pipeline_name=settings.name,
                deployment_timeout=timeout,
                controls=controls,
            )
        if settings.pull_requests is not None:
            self._verify(settings, settings.pull_requests, source, registry)
        cdk.CfnOutput(self, "PipelineName", value=self.pipeline.pipeline.pipeline_name)

    def _verify(
        self,
        settings: Service,
        wanted: PullRequestSettings,
        source: Source,
        registry: RegistryStack,
    ) -> None:
        """Build pull requests, by a project that can write nothing that a release reads."""
        name = f"{settings.name}-pull-requests"
        PullRequestPipeline(
            self,
            "PullRequests",
            source=source,
            build=self._build(
                "PullRequestBuild",
                # They are built side by side, and CodeBuild fails what is above a project's limit.
                settings.build.model_copy(update={"concurrent_builds": None}),
                name,
                wanted,
                repository=PullRequestRepository(
                    self,
                    "PullRequestRepository",
                    repository_name=f"{settings.name}/pull-requests",
                ),
                cache_from=registry.repository,
            ),
            trigger=wanted.trigger(),
            pipeline_name=name,
        )

    def _build(
        self,
        construct_id: str,
        settings: Build,
        name: str,
        secrets: Build | PullRequestSettings,
        *,
        repository: ecr.IRepository,
        cache_from: ecr.IRepository | None = None,
        build_image: codebuild.IBuildImage | None = None,
        vpc: ec2.IVpc | None = None,
    ) -> BuildProject:
        own = settings.buildspec is not None
        return BuildProject(
            self,
            construct_id,
            repository=repository,
            cache_from=cache_from,
            project_name=name,
            description=f"Builds {name}",
            build_spec=(
                codebuild.BuildSpec.from_source_filename(settings.buildspec)
                if settings.buildspec is not None
                else None
            ),
            build_image=build_image,
            docker_build=(None if own else settings.docker_build(_secrets(secrets))),
            docker_hub=_docker_hub(settings),
            scan_gate=None if own else _scan_gate(settings.scan),
            vpc=vpc,
            compute_type=codebuild.ComputeType[settings.compute_type],
            concurrent_builds=settings.concurrent_builds,
            queued_timeout=(
                cdk.Duration.minutes(settings.queued_timeout_minutes)
                if settings.queued_timeout_minutes
                else None
            ),
            timeout=cdk.Duration.minutes(settings.timeout_minutes),
        )

    def _vpc_of_builds(
        self, settings: Build, platform: PlatformStack | ExistingPlatform | None
    ) -> ec2.IVpc | None:
        if not settings.in_vpc or platform is None:
            return None
        if isinstance(platform, ExistingPlatform):
            return existing_vpc(self, platform)
        return platform.cluster.vpc

    def _source(self, settings: Service, connection_arn: str | None) -> Source:
        source = settings.source
        if isinstance(source, GitHubSource):
            return Source.github(
                connection_arn=source.connection_arn or connection_arn or "",
                repository=source.repository,
                branch=source.branch,
                full_clone=source.full_clone,
            )
        return Source.code_commit(
            repository=codecommit.Repository.from_repository_name(self, "Code", source.repository),
            branch=source.branch,
            full_clone=source.full_clone,
        )

    def _existing(self, existing: ExistingService) -> ecs.IBaseService:
        cluster = self.format_arn(
            service="ecs", resource="cluster", resource_name=existing.cluster_name
        )
        return ecs.FargateService.from_fargate_service_attributes(
            self,
            "Service",
            service_name=existing.service_name,
            cluster=ecs.Cluster.from_cluster_arn(self, "Cluster", cluster),
        )

    def _task_roles(self, existing: ExistingService) -> list[iam.IRole]:
        return [
            iam.Role.from_role_arn(self, f"TaskRole{number}", arn, mutable=False)
            for number, arn in enumerate(existing.task_role_arns, start=1)
        ]


def _build_image(settings: Service) -> codebuild.IBuildImage | None:
    """Return an ARM machine for a buildspec that builds for ARM; else the construct knows."""
    architecture = settings.container.architecture if settings.container else "amd64"
    if settings.build.buildspec is None or architecture == "amd64":
        return None
    return codebuild.LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_4_0


def _scan_gate(settings: Scan) -> ScanGate:
    return ScanGate(
        severity=Severity(settings.severity),
        mode=ScanGateMode(settings.mode),
        fixable_only=settings.fixable_only,
        max_wait=cdk.Duration.minutes(settings.max_wait_minutes),
        enhanced_scanning=settings.enhanced_scanning,
        allow=[entry.finding() for entry in settings.allow],
    )


def _secrets(settings: Build | PullRequestSettings) -> dict[str, BuildSecret]:
    return {
        **{
            secret: BuildSecret.from_parameter_store(parameter)
            for secret, parameter in settings.secret_parameters.items()
        },
        **{secret: _secret(reference) for secret, reference in settings.secrets.items()},
    }


def _secret(reference: str) -> BuildSecret:
    name, _, field = reference.partition(":")
    return BuildSecret.from_secret_name(name, field=field or None)


def _docker_hub(settings: Build) -> DockerHubCredentials | PullThroughCache | None:
    if settings.pull_through_cache is not None:
        return PullThroughCache(prefix=settings.pull_through_cache)
    login = settings.docker_hub
    if login is None:
        return None
    if login.secret is None:
        return DockerHubCredentials.from_parameter_store(
            user_parameter=login.user_parameter, token_parameter=login.token_parameter
        )
    return DockerHubCredentials(
        user=BuildSecret.from_secret_name(login.secret, field=login.user_field),
        token=BuildSecret.from_secret_name(login.secret, field=login.token_field),
    )
