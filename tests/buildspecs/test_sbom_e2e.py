"""The software bill of materials, by a generator that speaks BuildKit's protocol."""

import json
from collections.abc import Callable

import pytest

from container_pipelines import DockerBuild, Platform
from tests.buildspecs.builds import COMMIT, ECR, SCRATCH, TAG, Project

pytestmark = pytest.mark.e2e

# https://github.com/moby/buildkit/blob/master/docs/attestations/sbom-protocol.md
GENERATOR = """\
const fs = require('fs'), path = require('path');
const source = process.env.BUILDKIT_SCAN_SOURCE;
const name = path.basename(source);
fs.writeFileSync(
  path.join(process.env.BUILDKIT_SCAN_DESTINATION, name + '.spdx.json'),
  JSON.stringify({
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType: 'https://spdx.dev/Document',
    predicate: {spdxVersion: 'SPDX-2.3', files: fs.readdirSync(source)},
  }),
);
"""
DOCKERFILE = """\
FROM node:20-alpine
COPY generator.js /
ENTRYPOINT ["node", "/generator.js"]
"""
GENERATOR_FILES = {"Dockerfile": DOCKERFILE, "generator.js": GENERATOR}


@pytest.fixture
def generator(new_project: Callable[..., Project]) -> str:
    """An image with a generator, in the registry that the build is logged in to."""
    project = new_project()
    build = project.build(GENERATOR_FILES, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    return build.exported["IMAGE_URI"]


def test_a_bill_of_materials(new_project: Callable[..., Project], generator: str) -> None:
    project = new_project(docker_build=DockerBuild(sbom_generator=generator))
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert build.artifact is not None
    assert sorted(build.artifact) == [
        "imagedefinitions.json",
        "sbom/sbom.spdx.json",
        "scan-findings.json",
    ]
    assert b"app.txt" in build.artifact["sbom/sbom.spdx.json"]
    assert "SPDX-2.3" in str(json.loads(build.artifact["sbom/sbom.spdx.json"]))
    # The image is what it is without: no index around it.
    assert project.files(project.tags()[TAG]) == {"app.txt": b"one"}
    assert len(project.images()) == 2


def test_a_bill_for_each_platform(new_project: Callable[..., Project], generator: str) -> None:
    both = (Platform.AMD64, Platform.ARM64)
    project = new_project(docker_build=DockerBuild(platforms=both, sbom_generator=generator))
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert build.artifact is not None
    assert {name for name in build.artifact if name.startswith("sbom")} == {
        "sbom/linux_amd64/sbom.spdx.json",
        "sbom/linux_arm64/sbom.spdx.json",
    }


def test_a_generator_that_is_not_there(new_project: Callable[..., Project]) -> None:
    absent = f"{ECR}/absent:1"
    project = new_project(docker_build=DockerBuild(sbom_generator=absent))
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "FAILED"
    assert build.failure is not None
    assert build.failure[0] == "BUILD"
    assert absent in build.last_words
    assert build.deploys is None
