"""The roles of a pipeline: its own, and one for each of its actions."""

from typing import Final

from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from constructs import Construct

from container_pipelines._acknowledge import acknowledge
from container_pipelines._findings import ROLES
from container_pipelines._once import stack_of
from container_pipelines._trust import service_of_this_account
from container_pipelines.build.build_project import BuildProject
from container_pipelines.pipeline.artifact_bucket import ArtifactAccess

_BUILD_POLICY: Final = "BuildPolicy"


class PipelineRoles:
    """Makes the roles of one pipeline, right below its construct.

    Parameters
    ----------
    scope
        The pipeline construct.
    artifacts
        What grants the pipeline's artifacts.

    Attributes
    ----------
    pipeline
        The role that the pipeline itself runs with.
    """

    def __init__(self, scope: Construct, artifacts: ArtifactAccess) -> None:
        self._scope = scope
        self.pipeline = iam.Role(
            scope,
            "Role",
            assumed_by=service_of_this_account(scope, "codepipeline.amazonaws.com"),
            description="Runs the pipeline: hands artifacts on and takes the roles of its actions",
        )
        self._actions: list[iam.Role] = []
        self._assumed_by = iam.ArnPrincipal(self.pipeline.role_arn)
        artifacts.grant(self.pipeline, write=True)
        acknowledge(scope, ROLES | artifacts.findings, wildcards=artifacts.wildcards)

    def precede(self, pipeline: codepipeline.Pipeline) -> None:
        """Have the roles made before the pipeline: a new one starts at once.

        Parameters
        ----------
        pipeline
            The pipeline.
        """
        self._dependent = pipeline.node
        self._dependent.add_dependency(self.pipeline)

    def may_take(self, role: iam.IRole | None) -> bool:
        """Tell whether the pipeline may take a role: those that are made here, and no other.

        Parameters
        ----------
        role
            The role.

        Returns
        -------
        bool
            Whether it may.
        """
        return role is not None and role.role_arn in [each.role_arn for each in self._actions]

    def build(self, build: BuildProject) -> iam.Role | iam.Policy:
        """Give what the build may do for the pipeline, which is granted before that is made.

        Parameters
        ----------
        build
            The build project.

        Returns
        -------
        iam.Role | iam.Policy
            As :func:`granted_build` does.
        """
        granted = granted_build(self._scope, build)
        if isinstance(granted, iam.Policy):
            self._dependent.add_dependency(granted)
        return granted

    def action(self, construct_id: str, description: str) -> iam.Role:
        """Make the role of one action, which the pipeline alone may take.

        Parameters
        ----------
        construct_id
            The id below the pipeline construct.
        description
            What the action does.

        Returns
        -------
        iam.Role
            The role; grant it what the action does.
        """
        role = iam.Role(
            self._scope, construct_id, assumed_by=self._assumed_by, description=description
        )
        role.grant_assume_role(self.pipeline)
        self._actions.append(role)
        self._dependent.add_dependency(role)
        return role


def granted_build(scope: Construct, build: BuildProject) -> iam.Role | iam.Policy:
    """Give what a build's permissions for a pipeline are granted to.

    Parameters
    ----------
    scope
        The pipeline construct.
    build
        The build project.

    Returns
    -------
    iam.Role | iam.Policy
        Its role. For a project of another stack a policy in the pipeline's, attached to that role:
        else each of the two stacks would depend on the other.
    """
    if stack_of(build) is stack_of(scope):
        return build.role
    policy = scope.node.try_find_child(_BUILD_POLICY)
    if isinstance(policy, iam.Policy):
        return policy
    return iam.Policy(scope, _BUILD_POLICY, roles=[build.role])
