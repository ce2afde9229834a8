"""The tag of a new image: seven characters of the commit."""

from __future__ import annotations

from container_build.aws import Aws
from container_build.failure import BuildFailedError
from container_build.programs import AwsError
from container_build.settings import Settings

LENGTH = 7


def new_tag(aws: Aws, settings: Settings) -> str:
    """Choose a tag that is free.

    Parameters
    ----------
    aws
        Asks AWS.
    settings
        The build's settings.

    Returns
    -------
    str
        The tag. Tags do not move, so building a commit again, or building what has no commit, takes
        the build's number along.

    Raises
    ------
    BuildFailedError
        If ECR does not say whether the tag is there.
    """
    tag = settings.commit[:LENGTH]
    if not tag:
        return f"build-{settings.build_number}"
    return with_number(tag, settings) if is_taken(aws, settings, tag) else tag


def with_number(tag: str, settings: Settings) -> str:
    """Make a tag that no other build can have."""
    return f"{tag}-{settings.build_number}"


def is_taken(aws: Aws, settings: Settings, tag: str) -> bool:
    """Ask ECR whether a tag is there; raises `BuildFailedError` if it does not say."""
    repository = settings.repository
    request = {
        "registryId": repository.account,
        "repositoryName": repository.name,
        "imageIds": [{"imageTag": tag}],
    }
    try:
        answer = aws.ask("ecr", "BatchGetImage", request, repository.region)
    except AwsError as error:
        raise BuildFailedError(f"The tag {tag} cannot be looked up: {error}") from None
    return bool(answer.get("images"))
