"""A buildspec of one's own: what a pipeline relies on, and the guide's example of one."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecs as ecs
from aws_cdk.assertions import Annotations, Match

from container_pipelines import (
    BuildProject,
    EcrRepo,
    EcsRollingPipeline,
    LoadBalancedService,
    Source,
)

GUIDE = Path(__file__).parents[3] / "docs" / "constructs.md"
DIGEST = "sha256:" + "a" * 64
EXPORTED = {"version": "0.2", "env": {"exported-variables": ["IMAGE_URI"]}}


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    section = GUIDE.read_text().split("### A buildspec of your own", 1)[1]
    (text,) = re.findall(
        r"^```yaml\n(.*?)^```$", section.split("\n### ")[0], re.MULTILINE | re.DOTALL
    )
    spec: dict[str, Any] = yaml.safe_load(text)
    return spec


@pytest.fixture
def release(
    stack: cdk.Stack,
    source: Source,
    images: EcrRepo,
    make_service: Callable[..., LoadBalancedService],
) -> Callable[..., None]:
    def release(build_spec: codebuild.BuildSpec, service: Any = None) -> None:
        EcsRollingPipeline(
            stack,
            "Release",
            source=source,
            build=BuildProject(stack, "Build", repository=images.repository, build_spec=build_spec),
            service=service or make_service(),
        )

    return release


WARNED = Match.string_like_regexp("never names RELEASE_IMAGE.*IMAGE=previous")


@pytest.mark.parametrize("make", ["from_object", "from_object_to_yaml"])
def test_the_guides_example_is_taken(
    stack: cdk.Stack, release: Callable[..., None], example: dict[str, Any], make: str
) -> None:
    release(getattr(codebuild.BuildSpec, make)(example))
    Annotations.from_stack(stack).has_no_warning("*", WARNED)


@pytest.mark.parametrize("make", ["from_object", "from_object_to_yaml"])
def test_one_that_exports_no_image_is_refused(release: Callable[..., None], make: str) -> None:
    with pytest.raises(ValueError, match="'build_spec' must export IMAGE_URI, the image by its d"):
        release(getattr(codebuild.BuildSpec, make)({"version": "0.2"}))


def test_one_that_does_not_hear_what_to_release_is_warned_of(
    stack: cdk.Stack, release: Callable[..., None]
) -> None:
    release(codebuild.BuildSpec.from_object(EXPORTED))
    Annotations.from_stack(stack).has_warning("/Stack/Build", WARNED)


def test_with_something_that_only_the_deployment_knows_it_is_read_as_well(
    stack: cdk.Stack, release: Callable[..., None]
) -> None:
    command = f'echo "$RELEASE_IMAGE" {cdk.Aws.STACK_ID}'
    phases = {"phases": {"build": {"commands": [command]}}}
    release(codebuild.BuildSpec.from_object({**EXPORTED, **phases}))
    Annotations.from_stack(stack).has_no_warning("*", WARNED)


def test_of_one_in_the_repository_nothing_is_known(
    stack: cdk.Stack, release: Callable[..., None]
) -> None:
    release(codebuild.BuildSpec.from_source_filename("buildspec.yml"))
    Annotations.from_stack(stack).has_no_warning("*", WARNED)


def test_where_nothing_is_recorded_nothing_must_be_exported(
    release: Callable[..., None], own_service: ecs.FargateService
) -> None:
    release(codebuild.BuildSpec.from_object({"version": "0.2"}), service=own_service)


@pytest.mark.parametrize(
    ("wanted", "image", "built"),
    [
        ("new", f"registry/shop@{DIGEST}", True),
        ("previous", "registry/shop@sha256:before", False),
        (DIGEST, f"registry/shop@{DIGEST}", False),
    ],
)
def test_the_guides_example_releases_what_is_wanted(
    example: dict[str, Any], tmp_path: Path, wanted: str, image: str, built: bool
) -> None:
    (script,) = example["phases"]["build"]["commands"]
    stand_ins = f"""
    aws() {{ case "$1" in ssm) echo registry/shop@sha256:before ;; ecr) echo password ;; esac; }}
    docker() {{ echo "$1" >> calls; [ "$1" != inspect ] || echo "registry/shop@{DIGEST}"; }}
    """
    ran = subprocess.run(
        ["bash", "-c", stand_ins + script + '\necho "$IMAGE_URI"'],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "RELEASE_IMAGE": wanted,
            "REPOSITORY_URI": "registry/shop",
            "CONTAINER_NAME": "app",
            "PREVIOUS_IMAGE_PARAMETER": "/shop/image-previous",
            "CODEBUILD_RESOLVED_SOURCE_VERSION": "0f1e2d3c4b5a",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == image
    definitions = json.loads((tmp_path / "imagedefinitions.json").read_text())
    assert definitions == [{"name": "app", "imageUri": image}]
    assert ("build" in (tmp_path / "calls").read_text().split()) == built
