"""Releases of an image that is in the repository already."""

from collections.abc import Callable

import pytest

from container_pipelines import DockerBuild, Platform
from tests.buildspecs.builds import COMMIT, SCRATCH, TAG, Finished, Project

pytestmark = pytest.mark.e2e

PARAMETER = "/delivery/previous"
# What would make a build fail.
BROKEN = {"Dockerfile": "FROM nowhere\n"}


def check_released(project: Project, build: Finished, digest: str, tag: str) -> None:
    assert build.status == "SUCCEEDED", build.last_words
    image = f"{project.uri}@{digest}"
    assert build.deploys == [{"name": "app", "imageUri": image}]
    assert build.exported == {
        "COMMIT_ID": COMMIT,
        "IMAGE_TAG": tag,
        "IMAGE_DIGEST": digest,
        "IMAGE_URI": image,
    }
    assert list(project.tags()) == [TAG]


def check_refused(project: Project, build: Finished) -> None:
    assert build.status == "FAILED"
    assert build.failure == ("PRE_BUILD", "exit status 1")
    assert build.artifact is None
    assert project.images() == []


@pytest.mark.parametrize(
    "platforms", [(Platform.AMD64,), (Platform.AMD64, Platform.ARM64)], ids=["one", "two"]
)
def test_an_image_by_its_digest(
    new_project: Callable[..., Project], platforms: tuple[Platform, ...]
) -> None:
    project = new_project(docker_build=DockerBuild(platforms=platforms))
    digest = project.build(SCRATCH, commit=COMMIT).exported["IMAGE_DIGEST"]
    build = project.build(BROKEN, commit="b" * 40, RELEASE_IMAGE=digest)
    check_released(project, build, digest, digest)
    assert "nothing is built" in build.said


def test_the_previous_image(project: Project) -> None:
    digest = project.build(SCRATCH, commit=COMMIT).exported["IMAGE_DIGEST"]
    parameter = f"{PARAMETER}/{project.repository}"
    project.client("ssm").put_parameter(
        Name=parameter, Type="String", Value=f"{project.uri}@{digest}"
    )
    build = project.build(BROKEN, RELEASE_IMAGE="previous", PREVIOUS_IMAGE_PARAMETER=parameter)
    check_released(project, build, digest, "previous")


def test_a_new_image_is_what_is_released_anyway(project: Project) -> None:
    build = project.build(SCRATCH, commit=COMMIT, RELEASE_IMAGE="new")
    check_released(project, build, project.tags()[TAG], TAG)


def test_no_record_of_a_previous_image(project: Project) -> None:
    build = project.build(SCRATCH, RELEASE_IMAGE="previous")
    check_refused(project, build)
    assert build.last_words.endswith(
        "This pipeline does not record the previous image: name one by its digest."
    )


def test_a_parameter_for_the_previous_image_that_is_gone(project: Project) -> None:
    build = project.build(
        SCRATCH, RELEASE_IMAGE="previous", PREVIOUS_IMAGE_PARAMETER=f"{PARAMETER}/absent"
    )
    check_refused(project, build)
    assert "ParameterNotFound" in build.last_words
    assert build.last_words.splitlines()[-1].startswith("The previous image cannot be read")


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("latest", "'latest' is no image of"),
        ("other.example/app@sha256:" + "0" * 64, "is no image of"),
        ("$(exit 0)", "'$(exit 0)' is no image of"),
        ("sha256:" + "0" * 64, "not found"),
        ("sha256:nonsense", "sha256:nonsense"),
    ],
    ids=["a tag", "another repository", "a command", "an unknown digest", "no digest"],
)
def test_what_is_no_image_of_the_repository(project: Project, image: str, told: str) -> None:
    build = project.build(SCRATCH, RELEASE_IMAGE=image)
    check_refused(project, build)
    assert told in build.last_words
    assert project.uri in build.last_words.splitlines()[-1]
