"""The program of builds, driven by the shipped buildspec, with stand-ins of Docker and AWS."""

import itertools
import json
from pathlib import Path

import pytest

from tests.buildspecs.stand_ins import (
    COMMIT,
    DIGEST,
    IMAGE,
    PASSWORD,
    REGISTRY,
    SCRATCH,
    TAG,
    URI,
    Machine,
    last_words,
)

BOTH = "linux/amd64,linux/arm64"
CALLS = {
    "aws s3 cp": "PRE_BUILD",
    "aws ecr get-authorization-token": "PRE_BUILD",
    "aws ecr batch-get-image": "PRE_BUILD",
    "docker login": "PRE_BUILD",
    "docker buildx create": "PRE_BUILD",
    "docker buildx build --load": "BUILD",
    "docker run": "BUILD",
    "docker buildx build --push": "BUILD",
    "docker buildx build --sbom": "BUILD",
    "aws ecr describe-image-scan-findings": "BUILD",
    "aws ssm get-parameter": "BUILD",
    "aws ecs describe-task-definition": "BUILD",
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def with_everything(machine: Machine) -> None:
    machine.with_code_deploy()
    machine.variables |= {
        "TEST_COMMAND": json.dumps(["npm", "test", "a b", ""]),
        "SBOM_GENERATOR": "syft",
        "BUILD_PLATFORMS": BOTH,
    }
    machine.scenario["kind"] = "application/vnd.oci.image.index.v1+json"


def keep_layers(machine: Machine, place: str) -> None:
    machine.variables["BUILD_OPTIONS"] = json.dumps({"layer_cache": place})


def test_what_is_called_for_an_image_with_everything(machine: Machine) -> None:
    with_everything(machine)
    build = machine.build()
    assert build.status == "SUCCEEDED"
    # A builder that does not start is tried again.
    assert set(build.kinds) - set(CALLS) == {"docker buildx inspect --bootstrap"}
    assert set(CALLS) <= set(build.kinds)
    run = build.call("docker run").arguments
    assert run[-4:] == ["image-under-test", "test", "a b", ""]
    assert f"Ready to deploy {IMAGE}" in build.said
    assert last_words_of_success(build.said) == f"Ready to deploy {IMAGE}"


def last_words_of_success(said: tuple[str, ...]) -> str:
    return [line for line in said if "Handing over" not in line][-1]


@pytest.mark.parametrize("kind", CALLS)
def test_a_call_that_fails_ends_the_build_and_leaves_nothing_to_deploy(
    machine: Machine, kind: str
) -> None:
    with_everything(machine)
    machine.scenario["answers"] = {kind: [1, "ERROR: the cause of it"]}
    build = machine.build()
    assert build.status == "FAILED"
    assert build.failure is not None
    assert build.failure[0] == CALLS[kind]
    # A command is no longer than a line, and the log's last line is the cause.
    assert len(build.failure[1]) < 250
    assert "\n" not in build.failure[1]
    if kind != "docker run":
        assert "the cause of it" in "\n".join(build.said)
    told = {
        "aws s3 cp": "the cause of it",
        "docker run": "The image's test has failed: it is not pushed.",
        "docker buildx build --sbom": "There is no software bill of materials by syft: see above.",
    }.get(kind, "the cause of it")
    assert told in last_words(build, CALLS[kind])
    assert build.deploys is None
    assert build.deploy is None
    assert not (machine.source / ".container-deploy-files").exists()


@pytest.mark.parametrize("phase", ["install", "pre_build", "build", "post_build"])
def test_a_command_of_ones_own_that_fails_leaves_nothing_to_deploy(
    machine: Machine, phase: str
) -> None:
    machine.with_code_deploy()
    machine.with_commands(phase, "echo the cause >&2; exit 7")
    build = machine.build()
    assert build.status == "FAILED"
    assert build.failure is not None
    assert build.failure[0] == phase.upper()
    assert build.deploys is None
    assert build.deploy is None


def test_values_are_arguments_of_their_own(machine: Machine) -> None:
    values = {"A": "$(exit 1)", "B": "a b", "C": "", "D": "--push", "E": 'é "✓"\nx'}
    machine.variables["BUILD_OPTIONS"] = json.dumps(
        {
            "dockerfile": "docker files/App.Dockerfile",
            "context": "the service",
            "target": "wanted",
            "arguments": values,
            "secrets": {"npm": "BUILD_SECRET_1"},
        }
    )
    machine.variables |= {"BUILD_SECRET_1": "npm-secret-0123456789", "LC_ALL": "POSIX"}
    files = {"docker files/App.Dockerfile": "FROM scratch\n", "the service/a": ""}
    build = machine.build(files)
    assert build.status == "SUCCEEDED"
    found = build.call("docker buildx build --push").arguments
    pairs = list(itertools.pairwise(found))
    assert ("--file", str(machine.source / "docker files/App.Dockerfile")) in pairs
    assert ("--target", "wanted") in pairs
    assert ("--secret", "id=npm,env=BUILD_SECRET_1") in pairs
    assert [b for a, b in pairs if a == "--build-arg"] == [f"{k}={v}" for k, v in values.items()]
    assert found[-1] == str(machine.source / "the service")


def test_labels_say_what_is_known_and_leave_the_rest_to_the_dockerfile(machine: Machine) -> None:
    machine.variables |= {"SOURCE_URL": "", "CODEBUILD_RESOLVED_SOURCE_VERSION": ""}
    found = machine.build().call("docker buildx build --push").arguments
    labels = [b for a, b in itertools.pairwise(found) if a == "--label"]
    assert len(labels) == 1
    assert labels[0].startswith("org.opencontainers.image.created=2")


@pytest.mark.parametrize(
    ("uri", "region"),
    [
        ("444455556666.dkr.ecr.us-west-2.amazonaws.com/team/my-app", "us-west-2"),
        ("444455556666.dkr.ecr.cn-north-1.amazonaws.com.cn/my-app", "cn-north-1"),
        ("444455556666.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a", "us-gov-west-1"),
        ("444455556666.dkr-ecr.eu-west-1.on.aws/a", "eu-west-1"),
    ],
)
def test_the_login_is_that_of_the_repositorys_region_and_account(
    machine: Machine, uri: str, region: str
) -> None:
    machine.machine = {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}
    machine.variables["REPOSITORY_URI"] = uri
    build = machine.build()
    assert build.status == "SUCCEEDED"
    assert build.call("aws ecr get-authorization-token").arguments[2:4] == ["--region", region]
    login = build.call("docker login")
    assert login.arguments[-1] == uri.partition("/")[0]
    assert login.text == PASSWORD
    asked = build.call("aws ecr describe-image-scan-findings").arguments
    assert asked[2:4] == ["--region", region]
    assert json.loads(asked[-3])["registryId"] == "444455556666"


def test_a_build_that_only_verifies_reads_another_cache_and_leaves_nothing_to_deploy(
    machine: Machine,
) -> None:
    keep_layers(machine, "registry")
    releases = f"{REGISTRY}/releases:buildcache"
    del machine.variables["CONTAINER_NAME"]
    machine.variables |= {"VERIFY_ONLY": "true", "CACHE_FROM": releases}
    build = machine.build()
    assert build.status == "SUCCEEDED"
    assert last_words_of_success(build.said) == f"Verified {IMAGE}"
    assert build.deploys is None
    arguments = build.call("docker buildx build --push").arguments
    pairs = list(itertools.pairwise(arguments))
    assert [b for a, b in pairs if a == "--cache-from"] == [
        f"type=registry,ref={URI}:buildcache",
        f"type=registry,ref={releases}",
    ]
    (written,) = (b for a, b in pairs if a == "--cache-to")
    assert f"ref={URI}:buildcache," in written


def test_docker_hub_is_logged_in_to_before_the_builder_is_pulled(machine: Machine) -> None:
    keep_layers(machine, "registry")
    machine.variables |= {"DOCKERHUB_USER": "reader", "DOCKERHUB_TOKEN": "token-0123456789"}
    build = machine.build()
    logins = [call for call in build.calls if call.kind == "docker login"]
    assert [call.text for call in logins] == ["token-0123456789", PASSWORD]
    assert logins[0].arguments == ["login", "--username", "reader", "--password-stdin"]
    assert build.kinds.index("docker login") < build.kinds.index("docker buildx create")


def test_a_pull_through_cache_serves_the_builder_and_base_images(machine: Machine) -> None:
    cache = f"{REGISTRY}/docker-hub"
    machine.variables["PULL_THROUGH_CACHE"] = cache
    machine.with_commands("post_build", 'cat "$BUILD_FOLDER/buildkitd.toml"')
    build = machine.build()
    create = build.call("docker buildx create").arguments
    assert create[:2] == ["buildx", "create"]
    assert f"image={cache}/moby/buildkit:buildx-stable-1" in create
    assert f'mirrors = ["{cache}"]' in build.said
    # It is pulled with the login to ECR.
    assert build.kinds.index("docker login") < build.kinds.index("docker buildx create")


def test_a_builder_that_does_not_start_at_once_is_tried_again(machine: Machine) -> None:
    keep_layers(machine, "registry")
    machine.scenario["answers"] = {
        "docker buildx inspect --bootstrap": [[1, "ERROR: toomanyrequests: slow down"], [None, ""]]
    }
    build = machine.build()
    assert build.status == "SUCCEEDED"
    assert "trying again in 1 s: ERROR: toomanyrequests: slow down" in "\n".join(build.said)
    builder = build.call("docker buildx create").arguments[3]
    pushed = build.call("docker buildx build --push").arguments
    assert pushed[pushed.index("--builder") + 1] == builder


@pytest.mark.parametrize(
    "said",
    [
        "manifest for moby/buildkit:buildx-stable-1 not found: manifest unknown",
        "pull access denied for moby/buildkit, repository does not exist or may require login",
        "unauthorized: authentication required",
        'Head "https://registry-1.docker.io/v2/moby/buildkit": no basic auth credentials',
        "name unknown: The repository with name 'docker-hub/moby/buildkit' is not there",
        "invalid reference format",
    ],
)
def test_a_builder_that_is_refused_is_not_tried_again(machine: Machine, said: str) -> None:
    keep_layers(machine, "registry")
    said = f"ERROR: Error response from daemon: {said}"
    machine.scenario["answers"] = {"docker buildx inspect --bootstrap": [1, said]}
    build = machine.build()
    assert build.status == "FAILED"
    assert build.kinds.count("docker buildx inspect --bootstrap") == 1
    assert f"The builder does not start: {said}" in last_words(build, "PRE_BUILD")


def test_a_builder_of_ones_own_is_taken(machine: Machine) -> None:
    machine.machine = {"BUILDX_BUILDER": "mine"}
    build = machine.build()
    assert build.status == "SUCCEEDED"
    assert "docker buildx create" not in build.kinds
    push = build.call("docker buildx build --push")
    assert "--builder" not in push.arguments
    assert push.variables["BUILDX_BUILDER"] == "mine"


ONE_STAGE = "FROM node:24-alpine\nCOPY . .\n"
TWO_STAGES = f"# FROM nothing\n{ONE_STAGE}  from scratch\n"


@pytest.mark.parametrize(
    ("dockerfile", "variables", "keeps", "boots"),
    [
        (ONE_STAGE, {}, "image", False),
        (TWO_STAGES, {}, "registry", True),
        ("", {}, "registry", True),
        (ONE_STAGE, {"BUILD_PLATFORMS": BOTH}, "registry", True),
        (ONE_STAGE, {"SBOM_GENERATOR": "syft"}, "registry", True),
        (ONE_STAGE, {"PULL_THROUGH_CACHE": f"{REGISTRY}/hub"}, "registry", True),
        (ONE_STAGE, {"BUILDX_BUILDER": "mine"}, "registry", False),
        (ONE_STAGE, {"BUILD_OPTIONS": '{"layer_cache": "registry"}'}, "registry", True),
        (TWO_STAGES, {"BUILD_OPTIONS": '{"layer_cache": "image"}'}, "image", False),
        (
            TWO_STAGES,
            {"BUILD_OPTIONS": '{"layer_cache": "image"}', "SBOM_GENERATOR": "syft"},
            "image",
            True,
        ),
    ],
)
def test_where_layers_are_kept_and_by_which_builder(
    machine: Machine, dockerfile: str, variables: dict[str, str], keeps: str, boots: bool
) -> None:
    machine.variables |= variables
    build = machine.build({"Dockerfile": dockerfile})
    assert build.status == "SUCCEEDED"
    assert ("docker buildx create" in build.kinds) is boots
    arguments = build.call("docker buildx build --push").arguments
    assert ("--builder" in arguments) is boots
    read, written = (arguments[arguments.index(f"--cache-{end}") + 1] for end in ("from", "to"))
    marks = [call for call in build.calls if call.kind == "aws ecr put-image"]
    if keeps == "registry":
        assert read == f"type=registry,ref={URI}:buildcache"
        assert written.startswith(f"type=registry,ref={URI}:buildcache,mode=max,")
        assert not marks
        return
    assert read == f"type=registry,ref={URI}:buildcache-image"
    assert written == "type=inline"
    (mark,) = (json.loads(call.arguments[-3]) for call in marks)
    assert mark == {
        "registryId": "111122223333",
        "repositoryName": "team/my-app",
        "imageManifest": '{"layers": []}',
        "imageManifestMediaType": "kind",
        "imageDigest": DIGEST,
        "imageTag": "buildcache-image",
    }


@pytest.mark.parametrize(
    ("said", "tells"),
    [
        ("An error occurred (AccessDeniedException) when calling the PutImage operation: no", True),
        ("An error occurred (ImageAlreadyExistsException) when calling PutImage: it is", False),
    ],
)
def test_an_image_that_cannot_be_marked_as_cache_is_released_all_the_same(
    machine: Machine, said: str, tells: bool
) -> None:
    machine.scenario["answers"] = {"aws ecr put-image": [254, said]}
    build = machine.build()
    assert build.status == "SUCCEEDED"
    assert build.deploys == [{"name": "app", "imageUri": IMAGE}]
    told = [line for line in build.said if line.startswith("The next build will not find")]
    assert bool(told) is tells


def test_an_image_that_is_released_again_is_not_marked_as_cache(machine: Machine) -> None:
    machine.variables["RELEASE_IMAGE"] = DIGEST
    assert "aws ecr put-image" not in machine.build().kinds


def test_a_tag_that_is_taken_gets_the_builds_number(machine: Machine) -> None:
    machine.scenario["tags"] = [TAG]
    build = machine.build()
    assert build.result.exported["IMAGE_TAG"] == f"{TAG}-7"
    assert f"{URI}:{TAG}-7" in build.call("docker buildx build --push").arguments


def test_no_index_is_looked_into_where_there_is_none(machine: Machine) -> None:
    keep_layers(machine, "registry")
    # Once for the tag.
    assert machine.build().kinds.count("aws ecr batch-get-image") == 1


@pytest.mark.parametrize(
    ("said", "hints"),
    [
        ("ERROR: process did not complete: ./build.sh: Permission denied", True),
        ('exec: "./entrypoint.sh": permission denied: unknown', True),
        ("ERROR: process did not complete successfully: exit code: 126", True),
        ("ERROR: the cause", False),
    ],
)
def test_a_hint_on_executable_bits(machine: Machine, said: str, hints: bool) -> None:
    machine.scenario["answers"] = {"docker buildx build --push": [1, said]}
    build = machine.build()
    assert any("no executable bits" in line for line in build.said) is hints
    assert last_words(build, "BUILD") == f"The image cannot be built and pushed: {cause(said)}"


def cause(said: str) -> str:
    return said.removeprefix("ERROR: ")


@pytest.mark.parametrize(
    ("image", "parameters", "asks"),
    [
        (DIGEST, {}, True),
        (DIGEST, {"live": IMAGE}, False),
        (DIGEST, {"live": f"{URI}@sha256:" + "b" * 64, "previous": IMAGE}, False),
        (DIGEST, {"live": "seed:1.0", "previous": "seed:1.0"}, True),
        (IMAGE, {"live": f"{URI}@sha256:" + "b" * 64}, True),
        ("previous", {"previous": IMAGE}, False),
    ],
)
def test_a_digest_passes_the_gate_unless_it_is_recorded(
    machine: Machine, image: str, parameters: dict[str, str], asks: bool
) -> None:
    machine.variables |= {
        "RELEASE_IMAGE": image,
        "LIVE_IMAGE_PARAMETER": "live",
        "PREVIOUS_IMAGE_PARAMETER": "previous",
    }
    machine.scenario["parameters"] = parameters
    build = machine.build({"Dockerfile": "FROM nowhere\n"})
    assert build.status == "SUCCEEDED", build.said
    assert build.deploys == [{"name": "app", "imageUri": IMAGE}]
    assert build.result.exported["COMMIT_ID"] == COMMIT
    assert build.result.exported["IMAGE_TAG"] == image
    assert ("aws ecr describe-image-scan-findings" in build.kinds) is asks
    assert not [kind for kind in build.kinds if "buildx build" in kind or "create" in kind]


def test_a_digest_that_the_gate_has_blocked_is_not_released(machine: Machine) -> None:
    machine.variables["RELEASE_IMAGE"] = DIGEST
    blocked = {"name": "CVE-2026-0001", "severity": "CRITICAL"}
    machine.scenario["scan"] = {
        "imageScanStatus": {"status": "COMPLETE"},
        "imageScanFindings": {"findings": [blocked], "imageScanCompletedAt": 1.0},
    }
    build = machine.build()
    assert build.status == "FAILED"
    assert "BLOCKED by 1 finding (CRITICAL 1)" in last_words(build, "BUILD")
    assert build.deploys is None


def test_other_work_is_done_while_the_scan_is_waited_for(machine: Machine) -> None:
    with_everything(machine)
    pending = json.dumps({"imageScanStatus": {"status": "PENDING"}})
    scans = "aws ecr describe-image-scan-findings"
    machine.scenario["answers"] = {scans: [*([0, pending] for _ in range(8)), [None, ""]]}
    build = machine.build()
    assert build.status == "SUCCEEDED"
    last_scan = max(n for n, kind in enumerate(build.kinds) if kind == scans)
    for kind in ("docker buildx build --sbom", "aws ecs describe-task-definition"):
        assert build.kinds.index(kind) < last_scan
    # Nothing is there to deploy before the gate has decided.
    assert "Scan gate: PASSED" in "\n".join(build.said[-4:])


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("latest", "'latest' is no image of"),
        (f"other.example/app@{DIGEST}", "is no image of"),
        ("$(exit 0)", "'$(exit 0)' is no image of"),
        ("sha256:nonsense", "is no image of"),
        ("previous", "does not record the previous image: name one by its digest."),
    ],
)
def test_what_is_no_image_of_the_repository(machine: Machine, image: str, told: str) -> None:
    machine.variables["RELEASE_IMAGE"] = image
    build = machine.build(SCRATCH)
    assert build.status == "FAILED"
    assert told in last_words(build, "PRE_BUILD")
    assert build.deploys is None


@pytest.mark.parametrize(
    "missing",
    [
        *("REPOSITORY_URI", "CACHE_TAG", "SCAN_GATE", "BUILD_OPTIONS", "BUILD_PLATFORMS"),
        "CONTAINER_NAME",
    ],
)
def test_a_build_without_its_pipeline(machine: Machine, missing: str) -> None:
    machine.variables[missing] = ""
    build = machine.build()
    assert build.status == "FAILED"
    assert last_words(build, "PRE_BUILD") == (
        f"The variable {missing} is not set: start this build through its pipeline."
    )
    assert build.kinds == ["aws s3 cp"]


OWN_BUILDSPEC = """\
version: 0.2
phases:
  build:
    commands:
      - aws s3 cp --only-show-errors "$BUILD_PROGRAM" "$TMPDIR/program"
      - python3 -I "$TMPDIR/program" deploy-files
artifacts:
  secondary-artifacts:
    Build:
      files: [Dockerfile]
    Deploy:
      base-directory: .container-deploy-files
      files: ['**/*']
"""


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (IMAGE, ""),
        ("", "No deploy files: the variable IMAGE_URI is not set"),
        (f"{URI}:latest", f"IMAGE_URI must name an image by digest, got '{URI}:latest'"),
    ],
)
def test_a_buildspec_of_ones_own_has_the_deploy_files_written(
    tmp_path: Path, image: str, told: str
) -> None:
    machine = Machine(tmp_path, buildspec=OWN_BUILDSPEC)
    machine.with_code_deploy()
    machine.buildspec = OWN_BUILDSPEC
    machine.variables["IMAGE_URI"] = image
    build = machine.build({**SCRATCH, "json.py": "raise SystemExit(1)"})
    if told:
        assert told in last_words(build, "BUILD")
        assert build.deploy is None
    else:
        assert sorted(build.deploy or {}) == ["appspec.yaml", "imageDetail.json", "taskdef.json"]
