"""The images of one service."""

import aws_cdk as cdk
from constructs import Construct

from container_pipelines import EcrRepo


class RegistryStack(cdk.Stack):
    """The repository and the pointer to the live image: what must outlive everything else.

    Parameters
    ----------
    scope
        The app.
    construct_id
        The stack's id.
    repository_name
        The repository's name.
    seed_image
        What the service runs before its first release.
    env
        Where the stack goes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository_name: str,
        seed_image: str,
        env: cdk.Environment | None,
    ) -> None:
        super().__init__(
            scope, construct_id, env=env, description=f"The images of {repository_name}"
        )
        self.ecr_repo = EcrRepo(
            self, "Images", repository_name=repository_name, seed_image=seed_image
        )
        # For the service's stack, and still while that is deployed without being in the settings.
        self.export_value(self.ecr_repo.repository.repository_arn)
        cdk.CfnOutput(self, "RepositoryUri", value=self.ecr_repo.repository.repository_uri)
