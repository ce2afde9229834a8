"""What every release pipeline of this library has: roles, artifacts, stages and controls."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from container_pipelines._acknowledge import acknowledge, acknowledge_wildcards
from container_pipelines._checks import check_name
from container_pipelines.build.build_project import BuildProject
from container_pipelines.pipeline._fit import check_build_place, check_own_buildspec, claim
from container_pipelines.pipeline._roles import PipelineRoles
from container_pipelines.pipeline.artifact_bucket import ArtifactAccess, ArtifactBucket
from container_pipelines.pipeline.drift_detector import DriftDetector
from container_pipelines.pipeline.pipeline_controls import (
    IMAGE_VARIABLE,
    OnDrift,
    OnFailure,
    PipelineControls,
)
from container_pipelines.pipeline.release_recorder import ReleaseRecorder
from container_pipelines.pipeline.source import Source
from container_pipelines.pipeline.triggers import add_triggers
from container_pipelines.registry.image_pointer import ImagePointer


class PipelineSkeleton:
    """A V2 pipeline with the stages Source and Build, and a role for each action.

    The roles hold what AWS lists for the action and no more; the L2's own grants, which are wider,
    are kept out of them.

    Parameters
    ----------
    scope
        The pipeline construct that this is part of; children are made right below it.
    source
        Where the code comes from.
    build
        What makes the image.
    container_name
        The container that the image is for; handed to the build.
    pipeline_name
        The pipeline's name; made by CloudFormation by default.
    artifact_bucket
        The bucket for artifacts, all of which the build may overwrite; one is made by default.
    controls
        When the pipeline runs and what a release must pass.
    image_pointer
        What is moved once a release is live; None to record nothing.
    recorder
        What moves it; one of the pipeline's own by default.
    drift_detector
        What compares the service with the pointer; one of the pipeline's own by default.
    build_variables
        Further variables of the build action.
    further_outputs
        What a build makes beside its first artifact.

    Raises
    ------
    ValueError
        If the controls do not go with the source, or the build is another pipeline's.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        source: Source,
        build: BuildProject,
        container_name: str,
        pipeline_name: str | None,
        artifact_bucket: s3.IBucket | None,
        controls: PipelineControls,
        image_pointer: ImagePointer | None,
        recorder: ReleaseRecorder | None,
        drift_detector: DriftDetector | None,
        build_variables: Mapping[str, str] | None = None,
        further_outputs: Sequence[codepipeline.Artifact] = (),
    ) -> None:
        controls.check_source(source)
        if recorder is not None and image_pointer is None:
            raise ValueError(
                "'recorder' must be given with 'image_pointer', got none; give the pointer that it "
                "is to move, such as EcrRepo.image_pointer"
            )
        if drift_detector is not None and image_pointer is None:
            raise ValueError(
                "'drift_detector' must be given with 'image_pointer', got none; give the pointer "
                "that records the live image, such as EcrRepo.image_pointer"
            )
        check_build_place(scope, build, artifact_bucket)
        check_own_buildspec(build, image_pointer)
        claim(build, scope.node.path)
        self._scope = scope
        self._controls = controls
        self._container_name = container_name
        self._image_pointer = image_pointer
        self._recorder = recorder
        self._given_detector = drift_detector
        self.drift_detector: DriftDetector | None = None
        self._further_build_variables = dict(build_variables or {})
        self._further_outputs = list(further_outputs)
        self.artifact_bucket = artifact_bucket or ArtifactBucket(scope, "Artifacts")
        self._artifacts = ArtifactAccess(self.artifact_bucket)
        self._roles = PipelineRoles(scope, self._artifacts)
        self.role = self._roles.pipeline
        self.pipeline = codepipeline.Pipeline(
            scope,
            "Pipeline",
            pipeline_name=pipeline_name,
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=controls.execution_mode,
            variables=[
                codepipeline.Variable(
                    variable_name=IMAGE_VARIABLE,
                    default_value="new",
                    description="What to release: new, previous, or the digest of an earlier image",
                ),
                *controls.variables,
            ],
            artifact_bucket=self.artifact_bucket,
            cross_account_keys=False,
            restart_execution_on_update=False,
            use_pipeline_role_for_actions=False,
            role=self.role.without_policy_updates(),
        )
        self._roles.precede(self.pipeline)
        self._add_source(source)
        self._add_build(source, build)

    def action_role(self, construct_id: str, description: str, *, writes: bool) -> iam.Role:
        """Make the role of one action: taken by the pipeline alone, reading its artifacts.

        Parameters
        ----------
        construct_id
            The id below the pipeline construct.
        description
            What the action does.
        writes
            Whether the action itself writes artifacts.

        Returns
        -------
        iam.Role
            The role; grant it what the action does.
        """
        role = self._roles.action(construct_id, description)
        self._artifacts.grant(role, write=writes)
        return role

    def add_stage(
        self, stage_name: str, actions: Sequence[codepipeline.IAction], *, after: str | None
    ) -> codepipeline.IStage:
        """Add a stage of actions that this library does not know.

        Parameters
        ----------
        stage_name
            The stage's name.
        actions
            Its actions.
        after
            The stage that it comes after; the last one by default.

        Returns
        -------
        codepipeline.IStage
            The stage.

        Raises
        ------
        ValueError
            If an action has no role that the pipeline may take, or there is no stage ``after``.
        """
        for action in actions:
            properties = action.action_properties
            if not self._roles.may_take(properties.role):
                raise ValueError(
                    f"'actions' must have roles that action_role() has made, which alone the "
                    f"pipeline may take, got none of those for '{properties.action_name}'; give it "
                    f"role=....action_role('Role', 'What it does')"
                )
        names = [stage.stage_name for stage in self.pipeline.stages]
        if after is not None and after not in names:
            raise ValueError(
                f"'after' must be a stage of the pipeline, {', '.join(names)}, got '{after}'; omit "
                f"it for a stage at the end"
            )
        return self.pipeline.add_stage(
            stage_name=stage_name,
            actions=list(actions),
            placement=None
            if after is None
            else codepipeline.StagePlacement(just_after=self.pipeline.stage(after)),
        )

    def add_deploy_stage(
        self, action: codepipeline.IAction, service: ecs.IBaseService
    ) -> codepipeline.IStage:
        """Add the gates and, after them, the stage that deploys and records.

        Recording is part of the stage, so that no other release can deploy before this one is
        recorded, and so that a retry or a roll-back of the stage records as well.

        Parameters
        ----------
        action
            The action that deploys, the first of its stage.
        service
            What it deploys to.

        Returns
        -------
        codepipeline.IStage
            The stage that deploys.
        """
        self._add_gates()
        self._grant_alarms()
        self._detect_drift(service)
        return self._controls.add_deploy_stage(self.pipeline, [action, *self._recording(service)])

    def _recording(self, service: ecs.IBaseService) -> list[codepipeline.IAction]:
        if self._image_pointer is None:
            return []
        recorder = self._recorder or ReleaseRecorder(self._scope, "Recorder")
        return [
            recorder.action(
                self._scope,
                role=self._roles.action("RecordRole", "Has the release recorded"),
                service=service,
                container_name=self._container_name,
                image_pointer=self._image_pointer,
                run_order=2,
            )
        ]

    def _detect_drift(self, service: ecs.IBaseService) -> None:
        if self._image_pointer is None or self._controls.on_drift is OnDrift.IGNORE:
            return
        self.drift_detector = self._given_detector or DriftDetector(self._scope, "DriftDetector")
        self.drift_detector.watch(
            self._scope,
            pipeline=self.pipeline,
            service=service,
            container_name=self._container_name,
            image_pointer=self._image_pointer,
            on_drift=self._controls.on_drift,
        )

    def _add_source(self, source: Source) -> None:
        self.source_output = codepipeline.Artifact("Source")
        role = self.action_role("SourceRole", "Takes the commit", writes=True)
        triggers = self._controls.triggers
        action = source.action(output=self.source_output, role=role, triggered=bool(triggers))
        self.pipeline.add_stage(stage_name="Source", actions=[action])
        add_triggers(self.pipeline, action, triggers, source.branch)

    def _add_build(self, source: Source, build: BuildProject) -> None:
        self.build_output = codepipeline.Artifact("Build")
        role = self._roles.action("BuildRole", "Starts builds")
        iam.Grant.add_to_principal(
            grantee=role,
            actions=["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"],
            resource_arns=[build.project.project_arn],
        )
        # The build, not the action, reads and writes the artifacts.
        granted = self._roles.build(build)
        self._artifacts.grant(granted, write=True)
        acknowledge(granted, self._artifacts.findings, wildcards=self._artifacts.wildcards)
        if self._image_pointer is not None:
            self._image_pointer.grant_read(granted)
        if source.full_clone:
            source.grant_clone(granted)
        retry = OnFailure.RETRY_FAILED_ACTIONS.conditions() if self._controls.retry_build else None
        self.pipeline.add_stage(
            stage_name="Build",
            on_failure=retry,
            actions=[
                actions.CodeBuildAction(
                    action_name="Build",
                    project=build.project,
                    input=self.source_output,
                    outputs=[self.build_output, *self._further_outputs],
                    environment_variables={
                        name: codebuild.BuildEnvironmentVariable(value=value)
                        for name, value in self._build_variables(source).items()
                    },
                    role=role.without_policy_updates(),
                    variables_namespace="BuildVariables",
                )
            ],
        )

    def _build_variables(self, source: Source) -> dict[str, str]:
        variables = {
            "CONTAINER_NAME": self._container_name,
            "RELEASE_IMAGE": f"#{{variables.{IMAGE_VARIABLE}}}",
            "SOURCE_URL": source.url,
            **self._further_build_variables,
        }
        if self._image_pointer is not None:
            variables["LIVE_IMAGE_PARAMETER"] = self._image_pointer.parameter_name
            variables["PREVIOUS_IMAGE_PARAMETER"] = self._image_pointer.previous_parameter_name
        return variables

    def _add_gates(self) -> None:
        gates = [
            gate.action(
                self._scope,
                role=self._roles.action(f"Gate{gate.name}Role", gate.purpose),
                run_order=run_order,
            )
            for run_order, gate in enumerate(self._controls.gates, start=1)
        ]
        if gates:
            self.pipeline.add_stage(stage_name="Gate", actions=gates)

    def _grant_alarms(self) -> None:
        # A rule without a role runs with the pipeline's, to which the L2 grants nothing.
        alarms = self._controls.alarms
        if not alarms:
            return
        composite = any(isinstance(alarm, cloudwatch.CompositeAlarm) for alarm in alarms)
        arns = ["*"] if composite else list(dict.fromkeys(alarm.alarm_arn for alarm in alarms))
        iam.Grant.add_to_principal(
            grantee=self.role, actions=["cloudwatch:DescribeAlarms"], resource_arns=arns
        )
        if composite:
            acknowledge_wildcards(
                self.role,
                {"*": "CloudWatch shows composite alarms only to roles that may read all alarms."},
            )


def check_pipeline_name(pipeline_name: str | None) -> None:
    """Reject a pipeline name that CodePipeline would reject.

    Parameters
    ----------
    pipeline_name
        The name, or None for one that CloudFormation makes.

    Raises
    ------
    ValueError
        If CodePipeline does not take it.
    """
    if pipeline_name is not None:
        check_name(
            "pipeline_name",
            pipeline_name,
            pattern=r"[A-Za-z0-9.@_-]+",
            maximum=100,
            allowed="letters, digits, '.', '@', '_' and '-'",
        )
