"""A repository in another region than the build: its login, tag, image and scan are there."""

from collections.abc import Callable, Mapping
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr as ecr

from tests.buildspecs.builds import COMMIT, ECR_ELSEWHERE, ELSEWHERE, SCRATCH, TAG, Project
from tests.local.emulator.driver import ACCOUNT, Emulator

pytestmark = pytest.mark.e2e

NAME = "elsewhere/app"


def test_everything_about_the_image_is_asked_of_its_region(
    aws: Emulator, new_project: Callable[..., Project]
) -> None:
    there = aws.client("ecr", ELSEWHERE)
    there.create_repository(repositoryName=NAME, imageScanningConfiguration={"scanOnPush": True})

    def elsewhere(stack: cdk.Stack) -> Mapping[str, Any]:
        arn = f"arn:aws:ecr:{ELSEWHERE}:{ACCOUNT}:repository/{NAME}"
        return {
            "repository": ecr.Repository.from_repository_attributes(
                stack, "There", repository_arn=arn, repository_name=NAME
            )
        }

    project = new_project(elsewhere)
    for commit, tag in ((COMMIT, TAG), (COMMIT, f"{TAG}-2")):
        build = project.build(SCRATCH, commit=commit)
        assert build.status == "SUCCEEDED", build.last_words
        assert build.exported["IMAGE_TAG"] == tag
        digest = build.exported["IMAGE_DIGEST"]
        assert build.exported["IMAGE_URI"] == f"{ECR_ELSEWHERE}/{NAME}@{digest}"
        found = there.describe_images(repositoryName=NAME, imageIds=[{"imageTag": tag}])
        assert [image["imageDigest"] for image in found["imageDetails"]] == [digest]
    assert project.images() == []
