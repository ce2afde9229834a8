import json
from typing import Any

import aws_cdk as cdk
import pytest

from container_pipelines import BuildSecret, DockerBuild, LayerCache, Platform

SECRET = BuildSecret.from_parameter_store("/a/secret")


def plain(build: DockerBuild) -> dict[str, str]:
    return {name: str(variable.value) for name, variable in build.variables().items()}


def test_by_default_the_dockerfile_at_the_root_is_built_for_x86() -> None:
    assert plain(DockerBuild()) == {
        "BUILD_OPTIONS": '{"dockerfile":"Dockerfile","context":"."}',
        "BUILD_PLATFORMS": "linux/amd64",
    }


def test_every_option_reaches_the_program() -> None:
    build = DockerBuild(
        dockerfile="services/web/Dockerfile",
        context="services",
        target="prod",
        arguments={"VERSION": "1 2", "GREETING": '$(id) "hi"'},
        secrets={"npm_token": BuildSecret.from_parameter_store("/npm")},
        layer_cache=LayerCache.IMAGE,
    )
    assert json.loads(plain(build)["BUILD_OPTIONS"]) == {
        "dockerfile": "services/web/Dockerfile",
        "context": "services",
        "target": "prod",
        "arguments": {"GREETING": '$(id) "hi"', "VERSION": "1 2"},
        "secrets": {"npm_token": "BUILD_SECRET_1"},
        "layer_cache": "image",
    }


def test_equal_builds_are_the_same_bytes_whatever_the_order() -> None:
    first, second = {"A": "1", "B": "2"}, {"B": "2", "A": "1"}
    assert plain(DockerBuild(arguments=first)) == plain(DockerBuild(arguments=second))


def test_a_secret_is_a_variable_that_is_read_at_the_build() -> None:
    build = DockerBuild(
        secrets={
            "b": BuildSecret.from_parameter_store("/second"),
            "a": BuildSecret.from_parameter_store("/first"),
        }
    )
    found = build.variables()
    assert [found[f"BUILD_SECRET_{number}"].value for number in (1, 2)] == ["/first", "/second"]
    assert str(found["BUILD_SECRET_1"].type).endswith("PARAMETER_STORE")
    assert '"secrets":{"a":"BUILD_SECRET_1","b":"BUILD_SECRET_2"}' in found["BUILD_OPTIONS"].value


def test_the_test_is_handed_on_word_by_word() -> None:
    build = DockerBuild(test_command=("npm", "run", "a b"))
    assert json.loads(plain(build)["TEST_COMMAND"]) == ["npm", "run", "a b"]


def test_the_generator_of_a_bill_of_materials_is_named() -> None:
    generator = "docker/buildkit-syft-scanner:stable-1"
    assert plain(DockerBuild(sbom_generator=generator))["SBOM_GENERATOR"] == generator


@pytest.mark.parametrize(
    ("platforms", "rendered", "runs_on_arm"),
    [
        ([Platform.AMD64], "linux/amd64", False),
        ([Platform.ARM64], "linux/arm64", True),
        # The machine's own first, whatever the order.
        ([Platform.ARM64, Platform.AMD64], "linux/amd64,linux/arm64", False),
    ],
)
def test_platforms(platforms: list[Platform], rendered: str, runs_on_arm: bool) -> None:
    build = DockerBuild(platforms=platforms)
    assert plain(build)["BUILD_PLATFORMS"] == rendered
    assert build.runs_on_arm is runs_on_arm


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dockerfile": "/etc/passwd"}, "'docker_build.dockerfile' must be .* below the source"),
        ({"dockerfile": "a/../../b"}, "'docker_build.dockerfile' must be"),
        ({"context": ".."}, "'docker_build.context' must be .* got '..'"),
        ({"context": ""}, "'docker_build.context' must be 1 to 1024"),
        ({"target": "-x"}, "'docker_build.target' must be .* name of a stage"),
        ({"arguments": {"A-B": "1"}}, "'docker_build.arguments' must be .* got 'A-B'"),
        ({"arguments": {"A": "x\0y"}}, "must not hold the character NUL"),
        ({"arguments": {"A": cdk.Aws.REGION}}, "must be known at synthesis, got a token"),
        ({"test_command": ["a", cdk.Aws.REGION]}, "must be known at synthesis, got a token"),
        ({"secrets": {"a,b": SECRET}}, "'docker_build.secrets' must be .* got 'a,b'"),
        ({"platforms": []}, r"'docker_build.platforms' must be one or more of .*, got \[\]"),
        ({"platforms": ["linux/386"]}, r"platforms\[0\]' must be one of Platform.AMD64, Platf"),
        ({"platforms": [Platform.AMD64] * 2}, "each once"),
        ({"sbom_generator": "a b"}, "'docker_build.sbom_generator' must be .* name of an image"),
        (
            {"layer_cache": "s3"},
            r"'docker_build.layer_cache' must be one of LayerCache.IMAGE, .* got the string 's3'",
        ),
        (
            {"layer_cache": LayerCache.IMAGE, "platforms": [Platform.AMD64, Platform.ARM64]},
            "'docker_build.layer_cache' must be 'registry' for .* two platforms, got 'image'",
        ),
    ],
)
def test_bad_input_is_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DockerBuild(**options)


@pytest.mark.parametrize("path", ["Dockerfile", "a/b.Dockerfile", "..hidden/x", "a..b/c", "mein ä"])
def test_any_path_below_the_source_is_good(path: str) -> None:
    assert DockerBuild(dockerfile=path, context=path)
