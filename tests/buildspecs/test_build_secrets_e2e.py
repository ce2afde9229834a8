"""Secrets that a Dockerfile reads, and that nobody else must."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_secretsmanager as secretsmanager

from container_pipelines import BuildSecret, DockerBuild
from tests.buildspecs.builds import COMMIT, TAG, Project
from tests.local.emulator.driver import Emulator

pytestmark = pytest.mark.e2e

FROM_PARAMETER = 'npm_parameter$(exit 3)"quoted" é'
FROM_FIELD = "npm_field-0123456789"
FROM_SECRET = "first line of a key\nsecond line of a key\n"
DOCKERFILE = """\
FROM node:20-alpine AS build
WORKDIR /seen
RUN --mount=type=secret,id=parameter --mount=type=secret,id=field --mount=type=secret,id=whole \
    for name in parameter field whole; do sha256sum </run/secrets/$name >$name; done
FROM scratch
COPY --from=build /seen /
"""


def declare(stack: cdk.Stack) -> dict[str, Any]:
    def secret(name: str) -> secretsmanager.ISecret:
        return secretsmanager.Secret.from_secret_name_v2(stack, name, f"build-secrets/{name}")

    secrets = {
        "parameter": BuildSecret.from_parameter_store("/build-secrets/parameter"),
        "field": BuildSecret.from_secret(secret("fields"), field="npm"),
        "whole": BuildSecret.from_secret(secret("whole")),
    }
    return {"docker_build": DockerBuild(secrets=secrets)}


@pytest.fixture(scope="module")
def stores(aws: Emulator) -> None:
    aws.client("ssm").put_parameter(
        Name="/build-secrets/parameter", Value=FROM_PARAMETER, Type="SecureString"
    )
    for name, value in (("fields", json.dumps({"npm": FROM_FIELD})), ("whole", FROM_SECRET)):
        aws.client("secretsmanager").create_secret(Name=f"build-secrets/{name}", SecretString=value)


def traces() -> list[bytes]:
    """The secrets as they could be found: themselves, a line of them, in base64."""
    found = []
    for secret in (FROM_PARAMETER, FROM_FIELD, *FROM_SECRET.splitlines()):
        found += [secret.encode(), base64.b64encode(secret.encode())[:-4]]
    return found


def test_a_secret_is_read_and_left_nowhere(
    stores: None, new_project: Callable[..., Project]
) -> None:
    project = new_project(declare)
    build = project.build({"Dockerfile": DOCKERFILE}, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    expected = {"parameter": FROM_PARAMETER, "field": FROM_FIELD, "whole": FROM_SECRET}
    assert project.files(project.tags()[TAG]) == {
        name: f"{hashlib.sha256(value.encode()).hexdigest()}  -\n".encode()
        for name, value in expected.items()
    }
    places = [
        *project.everything(),
        *(build.artifact or {}).values(),
        "\n".join(build.log).encode(),
        json.dumps(build.record, default=str).encode(),
        json.dumps(build.exported).encode(),
    ]
    # The image, the cache with its layers, the artifact and the records.
    assert len(places) > 10
    for trace in traces():
        assert not [place for place in places if trace in place], "a secret was left behind"


def test_a_secret_that_a_dockerfile_shows_is_hidden(
    stores: None, new_project: Callable[..., Project]
) -> None:
    project = new_project(declare)
    show = "RUN --mount=type=secret,id=field cat /run/secrets/field; echo; exit 7\n"
    build = project.finished(
        project.start({"Dockerfile": f"FROM node:20-alpine\n{show}"}), hides=True
    )
    assert build.status == "FAILED"
    assert "***" in build.said
    assert FROM_FIELD not in "\n".join(build.log)
    assert "exit code: 7" in build.last_words


def test_a_secret_that_the_project_does_not_have(project: Project) -> None:
    ask = "RUN --mount=type=secret,id=npm_token,required=true true\n"
    build = project.build({"Dockerfile": f"FROM node:20-alpine\n{ask}"})
    assert build.status == "FAILED"
    assert "secret npm_token: not found" in build.last_words
    assert project.images() == []
