"""A repository for the images of one service, and the pointer to the one that is live."""

import functools
from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from container_pipelines._checks import check_name, check_range
from container_pipelines._types import checked
from container_pipelines.registry.image_pointer import (
    LIVE_TAG,
    PREVIOUS_TAG,
    SEED_IMAGE,
    ImagePointer,
)

CACHE_TAG: Final = "buildcache"
"""The tag under which builds keep their layer cache."""

# That of the newest image that keeps its layers itself.
_CACHED_IMAGE: Final = f"{CACHE_TAG}-image"

LOGIN_REASON: Final = (
    "ecr:GetAuthorizationToken has no resource in IAM: the token is the registry's."
)
"""Why a role that pulls or pushes has a statement on every resource."""

_REPOSITORY_NAME = (
    r"(?:[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*/)*[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
)


@checked()
class EcrRepo(Construct):
    """An Amazon ECR repository as a release needs it, with its image pointer.

    Tags are immutable, but for the layer cache's and the two by which releases mark what is live
    and what was before. Images are scanned when they are pushed, and encrypted. The newest are
    kept, and the marked ones however many builds go by. Repository and pointer stay when the stack
    is deleted.

    Parameters
    ----------
    scope
        The parent construct.
    construct_id
        The id below the parent.
    repository_name
        The repository's name: lower-case letters, digits, and ``.``, ``_``, ``-``, ``/`` between.
    images_to_keep
        How many images stay, from 2 to 1000, counted by push; older ones expire. The live image,
        the one before and the newest that keeps its layers itself stay in any case; a layer cache
        beside the images has its own rule.
    untagged_days
        After how many days an image without a tag expires, from 1 to 365.
    cache_days
        After how many days without a build the layer cache expires, from 1 to 365.
    encryption
        How images are encrypted at rest: ``AES_256`` by default, or ``KMS`` for the key that AWS
        manages for ECR. ECR cannot change this later: it replaces the repository.
    encryption_key
        A customer managed key instead.
    image_parameter_name
        The path of the image pointer; ``/container-pipelines/<repository_name>/image`` by default.
    seed_image
        The image that a service starts with before its first release.
    removal_policy
        What becomes of the repository when the stack is deleted. By default it is retained, unless
        the stack's very creation fails, so that the creation can be tried again.

    Attributes
    ----------
    repository
        The repository.
    image_pointer
        The pointer to the image that is live, and to the one before.

    Raises
    ------
    ValueError
        If the name is not one that ECR takes, a number is out of range, or AES-256 is asked for
        together with a key.

    Notes
    -----
    Limits: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository_name: str,
        images_to_keep: int = 30,
        untagged_days: int = 7,
        cache_days: int = 30,
        encryption: ecr.RepositoryEncryption | None = None,
        encryption_key: kms.IKey | None = None,
        image_parameter_name: str | None = None,
        seed_image: str = SEED_IMAGE,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        check_repository_name(repository_name)
        check_range(
            "images_to_keep", images_to_keep, minimum=2, maximum=1000, default="keep 30 images"
        )
        check_range(
            "untagged_days",
            untagged_days,
            minimum=1,
            maximum=365,
            default="drop untagged images after 7 days",
        )
        check_range(
            "cache_days",
            cache_days,
            minimum=1,
            maximum=365,
            default="drop an unused layer cache after 30 days",
        )
        if encryption_key is not None and encryption is not None and encryption.value == "AES256":
            raise ValueError(
                "'encryption' must be KMS when 'encryption_key' is given, got AES_256; "
                "omit one of the two"
            )
        super().__init__(scope, construct_id)
        if encryption_key is not None:
            encryption = encryption or ecr.RepositoryEncryption.KMS
        self.repository = ecr.Repository(
            self,
            "Repository",
            repository_name=repository_name,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE_WITH_EXCLUSION,
            image_tag_mutability_exclusion_filters=_moving_tags(),
            image_scan_on_push=True,
            encryption=encryption or ecr.RepositoryEncryption.AES_256,
            encryption_key=encryption_key,
            removal_policy=removal_policy,
            # An image that matches a rule's tags is never expired by a later rule, and what an
            # index refers to not before the index.
            # https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
            lifecycle_rules=[
                *(
                    ecr.LifecycleRule(
                        rule_priority=priority,
                        description=f"Marked: {tag}",
                        tag_pattern_list=[tag],
                        # A tag is on one image, so this expires none and keeps that one.
                        max_image_count=1,
                    )
                    for priority, tag in enumerate((LIVE_TAG, PREVIOUS_TAG, _CACHED_IMAGE), start=1)
                ),
                ecr.LifecycleRule(
                    rule_priority=4,
                    description=f"Layer cache: {cache_days} days after the last build",
                    tag_pattern_list=[f"{CACHE_TAG}*"],
                    max_image_age=Duration.days(cache_days),
                ),
                ecr.LifecycleRule(
                    rule_priority=5,
                    description=f"Untagged: {untagged_days} days",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=Duration.days(untagged_days),
                ),
                ecr.LifecycleRule(
                    rule_priority=6,
                    description=f"Releases: the newest {images_to_keep}",
                    # Tagged ones alone: the parts of an image for several platforms have no tag and
                    # would count as well.
                    tag_pattern_list=["*"],
                    max_image_count=images_to_keep,
                ),
            ],
        )
        self.image_pointer = ImagePointer(
            self,
            "ImagePointer",
            parameter_name=image_parameter_name or f"/container-pipelines/{repository_name}/image",
            seed_image=seed_image,
            repository=self.repository,
        )

    def grant_pull(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to pull images, with the registry's login.

        Parameters
        ----------
        grantee
            Who may pull.

        Returns
        -------
        iam.Grant
            The three pull actions on this repository; the login is granted on ``*``, which is
            all that IAM has for it.
        """
        return self.repository.grant_pull(grantee)

    def grant_pull_push(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to pull and push images, with the registry's login.

        Parameters
        ----------
        grantee
            Who may pull and push.

        Returns
        -------
        iam.Grant
            The pull and push actions on this repository, and the login.
        """
        return self.repository.grant_pull_push(grantee)


def check_repository_name(repository_name: str) -> None:
    """Reject a name that ECR would reject.

    Parameters
    ----------
    repository_name
        The repository's name.

    Raises
    ------
    ValueError
        If ECR does not take it.
    """
    check_name(
        "repository_name",
        repository_name,
        pattern=_REPOSITORY_NAME,
        minimum=2,
        maximum=256,
        allowed="lower-case letters and digits, with single '.', '_', '-' or '/' between them",
    )


@functools.cache
def _moving_tags() -> list[ecr.ImageTagMutabilityExclusionFilter]:
    return [
        ecr.ImageTagMutabilityExclusionFilter.wildcard(tag)
        for tag in (f"{CACHE_TAG}*", LIVE_TAG, PREVIOUS_TAG)
    ]
