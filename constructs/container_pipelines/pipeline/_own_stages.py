"""Stages that a person adds to a release pipeline."""

from collections.abc import Sequence

from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines._types import checked
from container_pipelines.pipeline._skeleton import PipelineSkeleton


@checked()
class OwnStages(Construct):
    """A release pipeline that takes further stages, such as a test of what has been deployed.

    Attributes
    ----------
    source_output, build_output
        The artifacts of the source and of the build.
    """

    source_output: codepipeline.Artifact
    build_output: codepipeline.Artifact
    _skeleton: PipelineSkeleton

    def action_role(self, construct_id: str, description: str, *, writes: bool = False) -> iam.Role:
        """Make the role of an action of your own.

        The pipeline may take it, and no role that is made elsewhere. The actions of AWS CDK grant
        it what they do; it may read the artifacts in any case.

        Parameters
        ----------
        construct_id
            The id below this construct.
        description
            What the action does.
        writes
            Whether the action itself writes artifacts.

        Returns
        -------
        iam.Role
            The role.
        """
        return self._skeleton.action_role(construct_id, description, writes=writes)

    def add_stage(
        self, stage_name: str, actions: Sequence[codepipeline.IAction], *, after: str | None = None
    ) -> codepipeline.IStage:
        """Add a stage of your own actions.

        Parameters
        ----------
        stage_name
            The stage's name.
        actions
            Its actions, each with a role of :meth:`action_role`.
        after
            The stage that it comes after, such as ``Build``; by default it is the last one, after
            the deployment.

        Returns
        -------
        codepipeline.IStage
            The stage.

        Raises
        ------
        ValueError
            If an action has no role that the pipeline may take, or there is no stage ``after``.
        """
        return self._skeleton.add_stage(stage_name, actions, after=after)
