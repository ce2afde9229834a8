"""The action by which a pipeline deploys with CodeDeploy."""

from typing import Final

from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

IMAGE_PLACEHOLDER: Final = "IMAGE1_NAME"
"""What stands in ``taskdef.json``, in angle brackets, where the image goes."""


class CodeDeployAction(codepipeline.Action):
    """Deploys what one artifact holds: task definition, AppSpec and image.

    The L2's action would have the bucket's stack depend on the pipeline's, which cannot be when
    pipelines share a bucket, and would let its role pass every role.

    Parameters
    ----------
    group
        The deployment group.
    artifact
        The deploy files.
    role
        The action's role.

    Notes
    -----
    https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html
    """

    def __init__(
        self,
        group: codedeploy.IEcsDeploymentGroup,
        artifact: codepipeline.Artifact,
        role: iam.IRole,
    ) -> None:
        super().__init__()
        self._group = group
        self._artifact = artifact
        self._properties = codepipeline.ActionProperties(
            action_name="Deploy",
            category=codepipeline.ActionCategory.DEPLOY,
            provider="CodeDeployToECS",
            artifact_bounds=codepipeline.ActionArtifactBounds(
                min_inputs=1, max_inputs=5, min_outputs=0, max_outputs=0
            ),
            inputs=[artifact],
            role=role,
            variables_namespace="DeployVariables",
        )

    @property
    def _provided_action_properties(self) -> codepipeline.ActionProperties:
        return self._properties

    def _bound(
        self, scope: Construct, stage: codepipeline.IStage, *, bucket: s3.IBucket, role: iam.IRole
    ) -> codepipeline.ActionConfig:
        name = self._artifact.artifact_name
        return codepipeline.ActionConfig(
            configuration={
                "ApplicationName": self._group.application.application_name,
                "DeploymentGroupName": self._group.deployment_group_name,
                "TaskDefinitionTemplateArtifact": name,
                "TaskDefinitionTemplatePath": "taskdef.json",
                "AppSpecTemplateArtifact": name,
                "AppSpecTemplatePath": "appspec.yaml",
                "Image1ArtifactName": name,
                "Image1ContainerName": IMAGE_PLACEHOLDER,
            }
        )
