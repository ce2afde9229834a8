"""The shipped buildspec, executed as it is: what becomes of a commit."""

import datetime as dt
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from container_pipelines import DockerBuild, LayerCache, Platform
from tests.buildspecs.builds import COMMIT, SCRATCH, SOURCE_URL, TAG, Project
from tests.buildspecs.registry_front import RegistryFront
from tests.local.emulator.driver import Emulator, Registry

pytestmark = pytest.mark.e2e

LAYERS = {
    "Dockerfile": "FROM scratch\nCOPY first.txt /\nCOPY second.txt /\n",
    "first.txt": "first",
    "second.txt": "second",
}
ODD_NAME = """a "quoted" 'name' $(touch executed) `touch executed` \\n; touch executed; é✓ """


def test_a_clean_build(project: Project) -> None:
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert build.failure is None
    tags = project.tags()
    assert list(tags) == [TAG]
    digest = tags[TAG]
    assert build.exported == {
        "COMMIT_ID": COMMIT,
        "IMAGE_TAG": TAG,
        "IMAGE_DIGEST": digest,
        "IMAGE_URI": f"{project.uri}@{digest}",
    }
    assert build.artifact is not None
    assert sorted(build.artifact) == ["imagedefinitions.json", "scan-findings.json"]
    assert build.deploys == [{"name": "app", "imageUri": f"{project.uri}@{digest}"}]
    findings = json.loads(build.artifact["scan-findings.json"])
    assert (findings["digest"], findings["verdict"]) == (digest, "passed")
    assert project.files(digest) == {"app.txt": b"one"}
    config = project.config(digest)
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    labels = config["config"]["Labels"]
    created = dt.datetime.fromisoformat(labels.pop("org.opencontainers.image.created"))
    assert before <= created <= dt.datetime.now(dt.UTC)
    assert labels == {
        "org.opencontainers.image.revision": COMMIT,
        "org.opencontainers.image.source": SOURCE_URL,
    }
    # One image, which is its own layer cache: no index, no attestation.
    assert len(project.images()) == 1
    assert f"Ready to deploy {project.uri}@{digest}" in build.said.splitlines()


@pytest.mark.parametrize(
    ("place", "own_uploads"), [(LayerCache.IMAGE, 0), (LayerCache.REGISTRY, 1)]
)
def test_the_second_build_takes_unchanged_layers_from_the_cache(
    new_project: Callable[..., Project],
    registry: RegistryFront,
    forget_cache: Callable[[], None],
    place: LayerCache,
    own_uploads: int,
) -> None:
    project = new_project(docker_build=DockerBuild(layer_cache=place))
    # The engine mounts layers that it has pushed to another repository.
    files = {**LAYERS, "first.txt": f"first, {place}", "second.txt": f"second, {place}"}
    assert project.build(files, commit=COMMIT).status == "SUCCEEDED"
    uploaded = registry.uploads(project.repository)
    # As on a machine that has never built anything.
    forget_cache()
    changed = {**files, "second.txt": f"changed, {place}"}
    build = project.build(changed, commit="b" * 40)
    assert build.status == "SUCCEEDED"
    assert build.cached_steps() == {"COPY first.txt /"}
    # Layer and configuration of the image, and the configuration of a cache beside it.
    assert registry.uploads(project.repository) - uploaded == 2 + own_uploads
    assert uploaded == 3 + own_uploads
    first, second = project.tags()[TAG], project.tags()["bbbbbbb"]
    layers = [project.manifest(each)["layers"] for each in (first, second)]
    assert layers[0][0] == layers[1][0]
    assert layers[0][1] != layers[1][1]
    assert project.files(second) == {
        name: changed[name].encode() for name in ("first.txt", "second.txt")
    }


def test_nothing_is_built_again_for_an_unchanged_source(
    project: Project, registry: RegistryFront, forget_cache: Callable[[], None]
) -> None:
    project.build(LAYERS, commit=COMMIT)
    uploaded = registry.uploads(project.repository)
    forget_cache()
    build = project.build(LAYERS, commit="b" * 40)
    assert build.cached_steps() == {"COPY first.txt /", "COPY second.txt /"}
    # The labels have changed, and so the configuration.
    assert registry.uploads(project.repository) - uploaded == 1


def test_without_a_commit_the_tag_is_the_builds_number(project: Project) -> None:
    build = project.build(SCRATCH)
    assert list(project.tags()) == ["build-1"]
    assert (build.exported["IMAGE_TAG"], build.exported["COMMIT_ID"]) == ("build-1", "")


def test_a_commit_that_is_built_again_gets_a_tag_of_its_own(project: Project) -> None:
    builds = [project.build({**SCRATCH, "app.txt": text}, commit=COMMIT) for text in "ab"]
    assert [build.status for build in builds] == ["SUCCEEDED", "SUCCEEDED"]
    assert [build.exported["IMAGE_TAG"] for build in builds] == [TAG, f"{TAG}-2"]
    tags = project.tags()
    assert project.files(tags[TAG])["app.txt"] == b"a"
    assert project.files(tags[f"{TAG}-2"])["app.txt"] == b"b"


def test_two_builds_of_a_commit_at_the_same_time(project: Project, registry: RegistryFront) -> None:
    # The first to push waits for the other, which has found the tag free by then. They have one
    # engine here: it must not be given both names in one moment, which AWS's machines never are.
    one, both = threading.Event(), threading.Barrier(2, timeout=60)

    def meet(method: str, path: str) -> None:
        if (method, path) == ("PUT", f"/v2/{project.repository}/manifests/{TAG}"):
            one.set()
            both.wait()

    with registry.failing(meet):
        started = [project.start(SCRATCH, commit=COMMIT)]
        assert one.wait(60)
        started.append(project.start(SCRATCH, commit=COMMIT))
        builds = [project.finished(each) for each in started]
    assert [build.status for build in builds] == ["SUCCEEDED", "SUCCEEDED"]
    first, second = sorted(builds, key=lambda build: len(build.exported["IMAGE_TAG"]))
    number = second.record["buildNumber"]
    assert first.exported["IMAGE_TAG"] == TAG
    assert second.exported["IMAGE_TAG"] == f"{TAG}-{number}"
    for build in builds:
        digest = project.tags()[build.exported["IMAGE_TAG"]]
        assert build.deploys == [{"name": "app", "imageUri": f"{project.uri}@{digest}"}]
    assert len(project.tags()) == 2


def test_a_tag_that_is_taken_between_look_and_push(
    project: Project, registry: RegistryFront, aws: Emulator
) -> None:
    client, taken = Registry(aws, project.repository), []

    def take(method: str, path: str) -> None:
        if (method, path) == ("PUT", f"/v2/{project.repository}/manifests/{TAG}") and not taken:
            taken.append(client.push(TAG))

    with registry.failing(take):
        build = project.build(SCRATCH, commit=COMMIT)
    assert taken[0][0] == 201
    assert build.status == "SUCCEEDED"
    assert build.exported["IMAGE_TAG"] == f"{TAG}-1"
    tags = project.tags()
    assert set(tags) == {TAG, f"{TAG}-1"}
    assert build.exported["IMAGE_DIGEST"] == tags[f"{TAG}-1"] != tags[TAG]
    assert "has taken the tag" in build.said


@pytest.mark.parametrize("name", [ODD_NAME, "--option"], ids=["shell", "option"])
def test_a_containers_name_is_only_a_name(project: Project, name: str, tmp_path: Path) -> None:
    build = project.build(
        SCRATCH, commit=COMMIT, container=name.replace("touch ", f"touch {tmp_path}/")
    )
    assert build.status == "SUCCEEDED"
    assert build.deploys is not None
    assert build.deploys[0]["name"] == name.replace("touch ", f"touch {tmp_path}/")
    assert not list(tmp_path.iterdir())


def test_build_arguments_are_only_values(
    new_project: Callable[..., Project], tmp_path: Path
) -> None:
    values = {
        "QUOTES": """a "b" 'c' `d`""",
        "COMMAND": f"$(touch {tmp_path}/executed); touch {tmp_path}/executed",
        "LINES": "first\nsecond",
        "OPTION": "--push",
        "BACKSLASH": r"a\b\\c",
        "LETTERS": "é✓ 日本",
        "NONE": "",
        "EQUALS": "a=b=c",
        "PERCENT": "%s %%",
    }
    lines = [f'ARG {name}\nLABEL {name.lower()}="${name}"' for name in values]
    project = new_project(docker_build=DockerBuild(arguments=values))
    build = project.build({**SCRATCH, "Dockerfile": "\n".join(["FROM scratch", *lines])})
    assert build.status == "SUCCEEDED"
    labels = project.config(build.exported["IMAGE_DIGEST"])["config"]["Labels"]
    assert {name: labels[name.lower()] for name in values} == values
    assert not list(tmp_path.iterdir())


def test_dockerfile_context_and_target(new_project: Callable[..., Project]) -> None:
    project = new_project(
        docker_build=DockerBuild(
            dockerfile="docker files/App.Dockerfile", context="the service", target="wanted"
        )
    )
    dockerfile = "FROM scratch AS wanted\nCOPY a.txt /\nFROM wanted AS last\nCOPY b.txt /\n"
    build = project.build(
        {
            "docker files/App.Dockerfile": dockerfile,
            "Dockerfile": "FROM nowhere",
            "the service/a.txt": "a",
            "the service/b.txt": "b",
        }
    )
    assert build.status == "SUCCEEDED"
    assert project.files(build.exported["IMAGE_DIGEST"]) == {"a.txt": b"a"}


def test_an_image_for_both_platforms(new_project: Callable[..., Project]) -> None:
    both = (Platform.ARM64, Platform.AMD64)
    project = new_project(docker_build=DockerBuild(platforms=both))
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    index = project.manifest(project.tags()[TAG])
    assert build.exported["IMAGE_DIGEST"] == project.tags()[TAG]
    parts = {each["platform"]["architecture"]: each["digest"] for each in index["manifests"]}
    assert sorted(parts) == ["amd64", "arm64"]
    for architecture, digest in parts.items():
        assert project.config(digest)["architecture"] == architecture
        assert project.files(digest) == {"app.txt": b"one"}
    assert build.artifact is not None
    scanned = json.loads(build.artifact["scan-findings.json"])["images"]
    assert {each["digest"]: each["platform"] for each in scanned} == {
        parts["amd64"]: "linux/amd64",
        parts["arm64"]: "linux/arm64",
    }


def test_an_image_for_arm_alone(new_project: Callable[..., Project]) -> None:
    project = new_project(docker_build=DockerBuild(platforms=(Platform.ARM64,)))
    build = project.build(SCRATCH, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    assert build.record["environment"]["type"] == "ARM_CONTAINER"
    assert project.config(project.tags()[TAG])["architecture"] == "arm64"


def test_what_came_with_the_source_is_not_handed_over(project: Project) -> None:
    smuggled = json.dumps([{"name": "app", "imageUri": "evil"}])
    files = {
        "imagedefinitions.json": smuggled,
        "scan-findings.json": smuggled,
        "sbom/sbom.spdx.json": smuggled,
        "sbom/application.txt": "the application's own",
        "json.py": "raise SystemExit('planted')",
        "types.py": "raise SystemExit('planted')",
        ".python-version": "planted",
        "config": '[core]\nworktree = .\nfsmonitor = "touch /tmp/planted; false"\n',
        "HEAD": "ref: refs/heads/main\n",
        "objects/keep": "",
        "refs/keep": "",
    }
    dockerfile = "FROM scratch\nCOPY sbom /sbom\n"
    build = project.build({**SCRATCH, **files, "Dockerfile": dockerfile}, commit=COMMIT)
    assert build.status == "SUCCEEDED"
    # The application's folder is whole.
    assert sorted(project.files(project.tags()[TAG])) == [
        "sbom/application.txt",
        "sbom/sbom.spdx.json",
    ]
    assert build.artifact is not None
    assert sorted(build.artifact) == ["imagedefinitions.json", "scan-findings.json"]
    assert not [content for content in build.artifact.values() if b"evil" in content]
    failed = project.build({**files, "Dockerfile": "FROM scratch\nCOPY absent /\n"})
    assert failed.status == "FAILED"
    assert failed.artifact is None


def test_a_dockerfile_chooses_its_frontend_and_builds_from_its_own_repository(
    project: Project,
) -> None:
    base = project.build(SCRATCH, commit=COMMIT).exported["IMAGE_URI"]
    dockerfile = f"# syntax=docker/dockerfile:1\nFROM {base}\nCOPY b /\n"
    build = project.build({"Dockerfile": dockerfile, "b": "b"}, commit="b" * 40)
    assert build.status == "SUCCEEDED", build.last_words
    assert "docker-image://docker.io/docker/dockerfile:1" in build.said
    assert project.files(build.exported["IMAGE_DIGEST"]) == {"app.txt": b"one", "b": b"b"}


def test_what_runs_in_the_image_sees_nothing_of_the_build(
    new_project: Callable[..., Project],
) -> None:
    spy = "env; tr '\\0' '\\n' </proc/1/environ; ls /root/.docker /root/.aws /run/docker.sock 2>&1"
    project = new_project(docker_build=DockerBuild(test_command=("sh", "-c", spy)))
    dockerfile = (
        f"FROM node:24-alpine AS spy\nRUN ({spy}) >/seen; true\n"
        "FROM node:24-alpine\nCOPY --from=spy /seen /\n"
    )
    build = project.build({"Dockerfile": dockerfile}, commit=COMMIT)
    # Nothing of it is there, which is how `ls` ends.
    assert build.status == "FAILED"
    assert "The image's test has failed" in build.last_words
    seen = build.said[build.said.index("Building and testing") :]
    assert "PATH=" in seen
    assert seen.count("No such file or directory") >= 3
    for name in ("AWS_", "CODEBUILD_", "BUILD_", "REPOSITORY_URI", "DOCKER", "SCAN_GATE"):
        assert f"\n{name}" not in seen
    quiet = new_project(docker_build=DockerBuild())
    released = quiet.build({"Dockerfile": dockerfile}, commit=COMMIT)
    assert released.status == "SUCCEEDED"
    told = quiet.files(quiet.tags()[TAG])["seen"].decode()
    assert "PATH=" in told
    assert not [
        line for line in told.splitlines() if line.startswith(("AWS_", "CODEBUILD_", "BUILD"))
    ]
