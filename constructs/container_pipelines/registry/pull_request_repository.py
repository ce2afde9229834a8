"""A repository for what is not merged yet: images that are scanned and then thrown away."""

from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from container_pipelines._checks import check_range
from container_pipelines._types import checked
from container_pipelines.registry.ecr_repo import CACHE_TAG, check_repository_name

_MOST_DAYS: Final = 365


@checked()
class PullRequestRepository(ecr.Repository):
    """An Amazon ECR repository for builds of pull requests, apart from the one of releases.

    IAM knows no tags of ECR: who may push an image into a repository may push any, the layer cache
    among them. So what is not merged has a repository of its own. Images are scanned when they are
    pushed, expire after some days, and are deleted with the stack: nothing runs them.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    repository_name
        The repository's name, such as that of the releases' with ``/pull-requests`` appended.
    days
        After how many days an image expires, from 1 to 365. The layer cache does after as many
        days without a build.

    Raises
    ------
    ValueError
        If the name is not one that ECR takes, or the days are out of range.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, repository_name: str, days: int = 14
    ) -> None:
        check_repository_name(repository_name)
        check_range("days", days, minimum=1, maximum=_MOST_DAYS, default="keep images for 14 days")
        super().__init__(
            scope,
            construct_id,
            repository_name=repository_name,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE_WITH_EXCLUSION,
            image_tag_mutability_exclusion_filters=[
                ecr.ImageTagMutabilityExclusionFilter.wildcard(f"{CACHE_TAG}*")
            ],
            image_scan_on_push=True,
            encryption=ecr.RepositoryEncryption.AES_256,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    description=f"All: {days} days",
                    tag_status=ecr.TagStatus.ANY,
                    max_image_age=Duration.days(days),
                )
            ],
            removal_policy=RemovalPolicy.DESTROY,
            empty_on_delete=True,
        )
