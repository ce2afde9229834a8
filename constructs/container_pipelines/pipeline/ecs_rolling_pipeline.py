"""From a push to a rolling deployment on Amazon ECS."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from container_pipelines._checks import check_duration
from container_pipelines._types import checked
from container_pipelines.build.build_project import BuildProject
from container_pipelines.pipeline._own_stages import OwnStages
from container_pipelines.pipeline._skeleton import PipelineSkeleton, check_pipeline_name
from container_pipelines.pipeline.deploy_target import DeployTarget
from container_pipelines.pipeline.drift_detector import DriftDetector
from container_pipelines.pipeline.pipeline_controls import PipelineControls
from container_pipelines.pipeline.release_recorder import ReleaseRecorder
from container_pipelines.pipeline.source import Source
from container_pipelines.registry.image_pointer import ImagePointer
from container_pipelines.service.load_balanced_service import LoadBalancedService, construct_of


@checked()
class EcsRollingPipeline(OwnStages):
    """A V2 pipeline that builds each push and rolls it out to an ECS service.

    The deploy action takes the service's own task definition, puts the image in that the build
    names by digest, and waits until the service is stable. Each action has its own role with
    the statements that AWS lists for it. With an image pointer the release then counts only once
    all tasks run what was built: the recorder updates the pointer, or fails the pipeline with ECS's
    reason.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    source
        Where the code comes from.
    build
        The build project. One project serves one pipeline.
    service
        The service: a :class:`LoadBalancedService` or its ``service``, another one of your app, or
        an imported one.
    container_name
        The container that gets the image. By default the task definition's default container; to
        be given for an imported service, whose containers are not known.
    task_roles
        The roles of the service's tasks, execution role included, which the deployment passes on.
        Taken from the task definition by default; to be given for an imported service.
    task_definition_family
        The family whose new revisions may be tagged. Taken from the task definition by default; for
        an imported service every family, unless given.
    image_pointer
        The pointer that the service's task definition reads, such as ``EcrRepo.image_pointer``; of
        a :class:`LoadBalancedService` its own by default.
        Without one nothing is verified or recorded: a ``cdk deploy`` then resets the image, and
        there is no previous one to roll back to.
    recorder
        The recorder that moves it; give one to pipelines of an app to share. One is made by
        default.
    drift_detector
        What has the recorded image released when the service runs another one; give one to
        pipelines of an app to share. One is made by default, unless the controls say otherwise.
    pipeline_name
        The pipeline's name; made by CloudFormation by default.
    artifact_bucket
        The bucket for artifacts; an :class:`ArtifactBucket` is made by default. The build may
        overwrite everything in it: pipelines that share one trust each other.
    deployment_timeout
        How long a deployment may take until the pipeline fails, from 1 to 60 minutes; 30 minutes
        by default.
    controls
        When the pipeline runs, what a release must pass before its deployment, and what happens
        when that fails; without them each push to the source's branch goes straight on.

    Attributes
    ----------
    pipeline
        The pipeline.
    build
        What makes the image.
    service
        The ECS service that it deploys to.
    target_groups
        The target groups of a :class:`LoadBalancedService`; of any other service none.
    source_output, build_output
        The artifacts of the source and of the build, for actions of your own.
    artifact_bucket
        The bucket for artifacts.
    deploy_role
        The role of the deploy action.
    drift_detector
        What compares the service with the pointer; None without a pointer, or where the controls
        say that a drift is ignored.

    Raises
    ------
    ValueError
        If a value is out of range, the task definition lacks the container, an imported service
        comes without its container and roles or is in another account or region, the image is
        built for another processor than the tasks', the container does not read the pointer, the
        build is another pipeline's, the controls do not go with the source, or a recorder or
        a drift detector comes without a pointer.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECS.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Source,
        build: BuildProject,
        service: ecs.IBaseService | LoadBalancedService,
        container_name: str | None = None,
        task_roles: Sequence[iam.IRole] | None = None,
        task_definition_family: str | None = None,
        image_pointer: ImagePointer | None = None,
        recorder: ReleaseRecorder | None = None,
        drift_detector: DriftDetector | None = None,
        pipeline_name: str | None = None,
        artifact_bucket: s3.IBucket | None = None,
        deployment_timeout: Duration | None = None,
        controls: PipelineControls | None = None,
    ) -> None:
        check_pipeline_name(pipeline_name)
        deployment_timeout = deployment_timeout or Duration.minutes(30)
        check_duration(
            "deployment_timeout",
            deployment_timeout,
            minimum=1,
            maximum=60,
            unit="minutes",
            default="wait 30 minutes",
        )
        construct = construct_of(service)
        if isinstance(service, LoadBalancedService):
            service = service.service
        if construct is not None:
            image_pointer = image_pointer or construct.image_pointer
        target = DeployTarget.of(
            service,
            container_name=container_name,
            task_roles=task_roles,
            task_definition_family=task_definition_family,
        )
        target.check_fit(scope, build, image_pointer)
        super().__init__(scope, construct_id)
        target.prepare(self, build.repository)
        skeleton = PipelineSkeleton(
            self,
            source=source,
            build=build,
            container_name=target.container_name,
            pipeline_name=pipeline_name,
            artifact_bucket=artifact_bucket,
            controls=controls or PipelineControls(),
            image_pointer=image_pointer,
            recorder=recorder,
            drift_detector=drift_detector,
        )
        self.build = build
        self.service = service
        self.target_groups = construct.target_groups if construct else ()
        self._skeleton = skeleton
        self.pipeline = skeleton.pipeline
        self.source_output = skeleton.source_output
        self.build_output = skeleton.build_output
        self.artifact_bucket = skeleton.artifact_bucket
        self.deploy_role = skeleton.action_role(
            "DeployRole", "Registers task definitions and updates the service", writes=False
        )
        target.grant_deploy(self.deploy_role)
        skeleton.add_deploy_stage(
            actions.EcsDeployAction(
                action_name="Deploy",
                service=service,
                input=skeleton.build_output,
                deployment_timeout=deployment_timeout,
                role=self.deploy_role.without_policy_updates(),
                variables_namespace="DeployVariables",
            ),
            service,
        )
        self.drift_detector = skeleton.drift_detector
