"""From a push to a deployment that moves traffic step by step."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from container_pipelines._checks import check_duration
from container_pipelines._types import checked
from container_pipelines.build.build_project import BuildProject
from container_pipelines.pipeline._code_deploy_action import CodeDeployAction
from container_pipelines.pipeline._own_stages import OwnStages
from container_pipelines.pipeline._roles import granted_build
from container_pipelines.pipeline._skeleton import PipelineSkeleton, check_pipeline_name
from container_pipelines.pipeline.code_deploy_group import CodeDeployGroup
from container_pipelines.pipeline.deploy_documents import DEPLOY_ARTIFACT, have_deploy_files_written
from container_pipelines.pipeline.deploy_target import DeployTarget
from container_pipelines.pipeline.drift_detector import DriftDetector
from container_pipelines.pipeline.pipeline_controls import PipelineControls
from container_pipelines.pipeline.release_recorder import ReleaseRecorder
from container_pipelines.pipeline.source import Source
from container_pipelines.registry.image_pointer import ImagePointer
from container_pipelines.service.code_deploy_target import CodeDeployTarget
from container_pipelines.service.deployments import CodeDeployBlueGreen, EcsBlueGreen, Engine
from container_pipelines.service.load_balanced_service import LoadBalancedService, construct_of
from container_pipelines.service.validation_hooks import HttpProbe, TrafficTest, bind_hooks

# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECS.html
_LONGEST_ECS_ACTION_MINUTES: Final = 60
# https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html
_LONGEST_CODE_DEPLOY_ACTION: Final = Duration.days(5)
# What starting tasks takes at the very least, beside the times that are known.
_START: Final = Duration.minutes(5)


@checked()
class BlueGreenPipeline(OwnStages):
    """A V2 pipeline that builds each push and moves a service's traffic to it.

    The service says by which engine. It is the pipeline of :class:`EcsRollingPipeline` otherwise,
    with the same controls, recorder and roles.

    **ECS.** The deploy action is the ordinary one of ECS: it registers a revision of the service's
    current task definition with the new image and updates the service, whose strategy does the
    rest. The action waits for 60 minutes at most. AWS does not say whether it waits for the bake
    time; it is counted here, with the shift, a pause and probes, and a service whose deployments
    cannot complete by then is rejected: shorten its times, or let CodeDeploy deploy it, whose
    action waits for days. What comes after the action the recorder waits for.

    **CodeDeploy.** Each build writes the deploy files into a separate artifact, from the task
    definition that CloudFormation registered last; so the next release deploys a changed setting of
    the container. The pipeline has an application and a deployment group. The action waits until
    the old tasks are stopped.

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
        A :class:`LoadBalancedService` with a ``deployment``, or its ``service``; or, for
        CodeDeploy, an existing one as a :class:`CodeDeployTarget`.
    engine
        The engine that shifts the traffic, to be checked against the service's.
    image_pointer
        The pointer that the service's task definition reads, such as ``EcrRepo.image_pointer``; of
        a :class:`LoadBalancedService` its own by default. Without one nothing is verified or
        recorded.
    recorder
        The recorder that moves it; give one to pipelines of an app to share, with a ``timeout``
        that a deployment's shift and bake time fit into. One is made by default.
    drift_detector
        What has the recorded image released when the service runs another one; give one to
        pipelines of an app to share. One is made by default, unless the controls say otherwise.
    pipeline_name
        The pipeline's name; made by CloudFormation by default.
    artifact_bucket
        The bucket for artifacts; an :class:`ArtifactBucket` is made by default. The build may
        overwrite everything in it: pipelines that share one trust each other.
    deployment_timeout
        For ECS: how long a deployment may take until the pipeline fails, up to 60 minutes; by
        default 20 minutes more than its known times, and at least 30. Not for CodeDeploy, whose
        action AWS ends after 5 days.
    controls
        When the pipeline runs, what a release must pass before its deployment, and what happens
        when that fails.

    Attributes
    ----------
    engine
        Who moves the traffic.
    pipeline
        The pipeline.
    build
        What makes the image.
    service
        The ECS service that it deploys to.
    target_groups
        Its two target groups.
    source_output, build_output
        The artifacts of the source and of the build, for actions of your own.
    artifact_bucket
        The bucket for artifacts.
    deploy_role
        The role of the deploy action.
    drift_detector
        What compares the service with the pointer; None without a pointer, or where the controls
        say that a drift is ignored.
    code_deploy
        CodeDeploy's application and group; None for ECS.
    deployment_group
        That group; None for ECS.

    Raises
    ------
    ValueError
        If a value is out of range, the service has no such engine, its deployments take longer than
        the action waits, the image is built for another processor than the tasks', the container
        does not read the pointer, the build is another pipeline's, or the controls do not go with
        the source.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Source,
        build: BuildProject,
        service: LoadBalancedService | CodeDeployTarget | ecs.IBaseService,
        engine: Engine | None = None,
        image_pointer: ImagePointer | None = None,
        recorder: ReleaseRecorder | None = None,
        drift_detector: DriftDetector | None = None,
        pipeline_name: str | None = None,
        artifact_bucket: s3.IBucket | None = None,
        deployment_timeout: Duration | None = None,
        controls: PipelineControls | None = None,
    ) -> None:
        check_pipeline_name(pipeline_name)
        shifted = _shifted(service)
        if isinstance(shifted, LoadBalancedService):
            image_pointer = image_pointer or shifted.image_pointer
        deployment = _deployment(shifted, engine)
        timeout = _timeout(deployment, deployment_timeout)
        target = DeployTarget.of(
            shifted.service,
            container_name=_container_name(shifted),
            task_roles=None,
            task_definition_family=None,
        )
        target.check_fit(scope, build, image_pointer)
        super().__init__(scope, construct_id)
        target.prepare(self, build.repository)
        self.engine = deployment.engine
        self.build = build
        self.service: ecs.IBaseService = shifted.service
        self.target_groups = shifted.target_groups
        self.code_deploy: CodeDeployGroup | None = None
        if image_pointer is not None and recorder is None:
            recorder = ReleaseRecorder(self, "Recorder", timeout=_recorder_timeout(deployment))
        variables: dict[str, str] = {}
        outputs: list[codepipeline.Artifact] = []
        if isinstance(deployment, CodeDeployBlueGreen):
            code_deploy_target = _code_deploy_target(shifted)
            code_deploy_target.refuse_what_cannot_be_deployed()
            hooks = bind_hooks(
                code_deploy_target.service,
                tuple(deployment.hooks),
                TrafficTest(deployment.test_listener, code_deploy_target.test_host),
            )
            self.code_deploy = CodeDeployGroup(
                self, "CodeDeploy", target=code_deploy_target, deploy_target=target, hooks=hooks
            )
            variables = have_deploy_files_written(
                build, granted_build(self, build), code_deploy_target, hooks
            )
            outputs = [codepipeline.Artifact(DEPLOY_ARTIFACT)]
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
            build_variables=variables,
            further_outputs=outputs,
        )
        self._skeleton = skeleton
        self.pipeline = skeleton.pipeline
        self.source_output = skeleton.source_output
        self.build_output = skeleton.build_output
        self.artifact_bucket = skeleton.artifact_bucket
        self.deploy_role = skeleton.action_role(
            "DeployRole", "Registers task definitions and deploys the service", writes=False
        )
        action: codepipeline.IAction
        if self.code_deploy is not None:
            target.grant_register(self.deploy_role)
            self.code_deploy.grant_deploy(self.deploy_role)
            # A new pipeline starts at once.
            self.pipeline.node.add_dependency(self.code_deploy)
            action = CodeDeployAction(
                self.code_deploy.group, outputs[0], self.deploy_role.without_policy_updates()
            )
        else:
            target.grant_deploy(self.deploy_role)
            action = self._ecs_action(target.service, skeleton.build_output, timeout)
        skeleton.add_deploy_stage(action, self.service)
        self.drift_detector = skeleton.drift_detector

    @property
    def deployment_group(self) -> codedeploy.IEcsDeploymentGroup | None:
        """CodeDeploy's group; None for ECS."""
        return None if self.code_deploy is None else self.code_deploy.group

    def _ecs_action(
        self, service: ecs.IBaseService, artifact: codepipeline.Artifact, timeout: Duration
    ) -> codepipeline.IAction:
        return actions.EcsDeployAction(
            action_name="Deploy",
            service=service,
            input=artifact,
            deployment_timeout=timeout,
            role=self.deploy_role.without_policy_updates(),
            variables_namespace="DeployVariables",
        )


def _shifted(
    service: LoadBalancedService | CodeDeployTarget | ecs.IBaseService,
) -> LoadBalancedService | CodeDeployTarget:
    if isinstance(service, CodeDeployTarget):
        return service
    construct = construct_of(service)
    if construct is None:
        raise ValueError(
            "'service' must be a LoadBalancedService or a CodeDeployTarget, got a service that the "
            "library has not made; make a CodeDeployTarget of it, or release it with "
            "EcsRollingPipeline if ECS shifts its traffic"
        )
    return construct


def _deployment(
    service: LoadBalancedService | CodeDeployTarget, engine: Engine | None
) -> EcsBlueGreen | CodeDeployBlueGreen:
    deployment = service.deployment
    if deployment is None:
        raise ValueError(
            "'service' must be a LoadBalancedService with a 'deployment' (EcsBlueGreen or "
            "CodeDeployBlueGreen), or a CodeDeployTarget, got one without; give it a 'deployment', "
            "or release it with EcsRollingPipeline"
        )
    if engine is not None and engine != deployment.engine:
        raise ValueError(
            f"'engine' must be {deployment.engine}, which the service deploys by, got {engine}; "
            f"omit it, or give the service another 'deployment'"
        )
    return deployment


def _container_name(service: LoadBalancedService | CodeDeployTarget) -> str:
    if isinstance(service, LoadBalancedService):
        return service.container.container_name
    return service.container_name


def _code_deploy_target(service: LoadBalancedService | CodeDeployTarget) -> CodeDeployTarget:
    return service.code_deploy_target if isinstance(service, LoadBalancedService) else service


def _known_minutes(deployment: EcsBlueGreen | CodeDeployBlueGreen) -> float:
    """Add up the times that a deployment takes by its settings."""
    waits: list[Duration | None] = [
        hook.timeout for hook in deployment.hooks if isinstance(hook, HttpProbe)
    ]
    if isinstance(deployment, EcsBlueGreen):
        waits += [deployment.shift_and_bake, deployment.pause.timeout if deployment.pause else None]
    else:
        waits += [
            deployment.traffic_shift.duration,
            deployment.termination_wait,
            deployment.approval_wait,
        ]
    known = [wait for wait in waits if wait is not None and not wait.is_unresolved()]
    return sum(float(wait.to_seconds()) for wait in known) / 60


def _timeout(
    deployment: EcsBlueGreen | CodeDeployBlueGreen, deployment_timeout: Duration | None
) -> Duration:
    known = _known_minutes(deployment)
    if isinstance(deployment, CodeDeployBlueGreen):
        if deployment_timeout is not None:
            raise ValueError(
                "'deployment_timeout' must be left out for CodeDeploy, whose action has none, got "
                f"{deployment_timeout.to_human_string()}; omit it"
            )
        if known > _LONGEST_CODE_DEPLOY_ACTION.to_minutes():
            raise ValueError(
                f"'service' must be deployed within "
                f"{_LONGEST_CODE_DEPLOY_ACTION.to_human_string()}, after which CodePipeline ends "
                f"the action, got {known:.0f} minutes for shift, approval and termination wait; "
                f"shorten them"
            )
        return _LONGEST_CODE_DEPLOY_ACTION
    least = known + _START.to_minutes()
    longest = _LONGEST_ECS_ACTION_MINUTES
    if least > longest:
        raise ValueError(
            f"'service' must be deployed within {Duration.minutes(longest).to_human_string()}, "
            f"which CodePipeline's ECS action waits at most, got {known:.0f} minutes for traffic "
            f"shift, bake time, pause and probes, and {_START.to_minutes():.0f} to start tasks; "
            f"shorten them, or let CodeDeploy deploy it (CodeDeployBlueGreen)"
        )
    if deployment_timeout is None:
        return Duration.minutes(min(longest, max(30, -(-known // 1) + 20)))
    check_duration(
        "deployment_timeout",
        deployment_timeout,
        minimum=1,
        maximum=longest,
        unit="minutes",
        default="wait 20 minutes longer than the deployment's known times",
    )
    if not deployment_timeout.is_unresolved() and deployment_timeout.to_minutes() < least:
        raise ValueError(
            f"'deployment_timeout' must be at least {least:.0f} minutes for the service's traffic "
            f"shift, bake time, pause and probes, got {deployment_timeout.to_human_string()}; omit "
            f"it, or shorten those"
        )
    return deployment_timeout


def _recorder_timeout(deployment: EcsBlueGreen | CodeDeployBlueGreen) -> Duration:
    # If the deploy action returns before the bake time is over, the recorder waits for it.
    if isinstance(deployment, CodeDeployBlueGreen):
        return Duration.hours(1)
    return Duration.minutes(max(60, -(-_known_minutes(deployment) // 1) + 30))
