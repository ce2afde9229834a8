"""From a pull request to a verdict, without anything that a release reads or runs."""

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._types import checked
from container_pipelines.build.build_project import BuildProject
from container_pipelines.pipeline._fit import check_build_place, claim
from container_pipelines.pipeline._roles import PipelineRoles
from container_pipelines.pipeline._skeleton import check_pipeline_name
from container_pipelines.pipeline.artifact_bucket import ArtifactAccess, ArtifactBucket
from container_pipelines.pipeline.source import Source
from container_pipelines.pipeline.triggers import PullRequestTrigger, add_triggers
from container_pipelines.registry.pull_request_repository import PullRequestRepository


@checked()
class PullRequestPipeline(Construct):
    """A V2 pipeline that builds, tests and scans a pull request's newest commit, and stops there.

    What it builds is not merged, so it shares nothing with releases that it could write: the build
    has its own role, pushes to a repository of its own (:class:`PullRequestRepository`), keeps its
    own layer cache there, and only reads the releases' cache (``BuildProject.cache_from``). It
    leaves no artifact, and the artifact bucket, which holds the sources alone, is read-only to it.

    Pull requests are built at the same time, none waits for another. CodePipeline reports no status
    to the code host: whether a build has passed is shown in the console, by
    ``aws codepipeline list-pipeline-executions``, and in EventBridge's events of the pipeline.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    source
        Where the code comes from, behind a connection. As any new pipeline, this one starts once
        when it is made, with the source's branch.
    build
        The build project, which pushes to a :class:`PullRequestRepository`. Give it no secrets and
        no commands that the author of a pull request must not have.
    trigger
        Which pull requests; by default all that are opened or updated with the source's branch as
        their destination.
    pipeline_name
        The pipeline's name; made by CloudFormation by default.
    artifact_bucket
        The bucket for the sources; an :class:`ArtifactBucket` is made by default. Give it no bucket
        of a pipeline that deploys.

    Attributes
    ----------
    pipeline
        The pipeline.
    build
        What builds.
    artifact_bucket
        The bucket for the sources.

    Raises
    ------
    ValueError
        If the source is not behind a connection, the build pushes to another repository or is
        another pipeline's, or the trigger says that it deploys.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-filter.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Source,
        build: BuildProject,
        trigger: PullRequestTrigger | None = None,
        pipeline_name: str | None = None,
        artifact_bucket: s3.IBucket | None = None,
    ) -> None:
        trigger = trigger or PullRequestTrigger()
        check_pipeline_name(pipeline_name)
        _check(source, build, trigger)
        check_build_place(scope, build, artifact_bucket)
        super().__init__(scope, construct_id)
        claim(build, self.node.path)
        self.build = build
        self.artifact_bucket = artifact_bucket or ArtifactBucket(self, "Artifacts")
        artifacts = ArtifactAccess(self.artifact_bucket)
        roles = PipelineRoles(self, artifacts)
        self.pipeline = codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_name=pipeline_name,
            pipeline_type=codepipeline.PipelineType.V2,
            # Otherwise one pull request would supersede another that waits.
            execution_mode=codepipeline.ExecutionMode.PARALLEL,
            artifact_bucket=self.artifact_bucket,
            cross_account_keys=False,
            restart_execution_on_update=False,
            use_pipeline_role_for_actions=False,
            role=roles.pipeline.without_policy_updates(),
        )
        roles.precede(self.pipeline)
        code = codepipeline.Artifact("Source")
        source_role = roles.action("SourceRole", "Takes the commit")
        artifacts.grant(source_role, write=True)
        source_action = source.action(output=code, role=source_role, triggered=True)
        self.pipeline.add_stage(stage_name="Source", actions=[source_action])
        add_triggers(self.pipeline, source_action, [trigger], source.branch)
        build_role = roles.action("BuildRole", "Starts builds")
        iam.Grant.add_to_principal(
            grantee=build_role,
            actions=["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"],
            resource_arns=[build.project.project_arn],
        )
        granted = roles.build(build)
        artifacts.grant(granted, write=False)
        acknowledge(granted, artifacts.findings, wildcards=artifacts.wildcards)
        if source.full_clone:
            source.grant_clone(granted)
        variables = {"VERIFY_ONLY": "true", "SOURCE_URL": source.url}
        self.pipeline.add_stage(
            stage_name="Build",
            actions=[
                actions.CodeBuildAction(
                    action_name="Build",
                    project=build.project,
                    input=code,
                    environment_variables={
                        name: codebuild.BuildEnvironmentVariable(value=value)
                        for name, value in variables.items()
                    },
                    role=build_role.without_policy_updates(),
                    variables_namespace="BuildVariables",
                )
            ],
        )


def _check(source: Source, build: BuildProject, trigger: PullRequestTrigger) -> None:
    if not source.takes_triggers:
        raise ValueError(
            "'source' must be behind a connection, which alone announces pull requests to "
            "CodePipeline, got one without; leave the pipeline out"
        )
    if not isinstance(build.repository, PullRequestRepository):
        raise ValueError(  # noqa: TRY004 - as every other check of a parameter
            f"'build' must push to a PullRequestRepository, got the repository "
            f"'{build.repository.node.path}': what is not merged could overwrite the layer cache "
            f"that its releases are built from; make a repository and a build for pull requests"
        )
    if trigger.deploys_unmerged_code:
        raise ValueError(
            "'trigger' must not say 'deploys_unmerged_code' for a pipeline that deploys nothing, "
            "got True; leave it out"
        )
