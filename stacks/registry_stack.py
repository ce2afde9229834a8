"""The images of one service."""

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from container_pipelines import EcrRepo, ImagePointer
from stacks.image_settings import Images


class RegistryStack(cdk.Stack):
    """The repository and the pointer to the live image: what must outlive everything else.

    Parameters
    ----------
    scope
        The app.
    construct_id
        The stack's id.
    service_name
        The service's name, which a repository that is made gets as well.
    settings
        The settings of the repository.
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
        service_name: str,
        settings: Images,
        seed_image: str,
        env: cdk.Environment | None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=f"The images of {service_name}")
        self.repository: ecr.IRepository
        if settings.existing_repository is not None:
            self.repository = ecr.Repository.from_repository_name(
                self, "Images", settings.existing_repository
            )
            self.image_pointer = ImagePointer(
                self,
                "ImagePointer",
                parameter_name=f"/container-pipelines/{service_name}/image",
                seed_image=seed_image,
                repository=self.repository,
            )
        else:
            made = EcrRepo(
                self,
                "Images",
                repository_name=service_name,
                images_to_keep=settings.keep,
                seed_image=seed_image,
            )
            self.repository, self.image_pointer = made.repository, made.image_pointer
            # For the service's stack, and still while that is deployed without being in the
            # settings.
            self.export_value(self.repository.repository_arn)
        cdk.CfnOutput(self, "RepositoryUri", value=self.repository.repository_uri)
