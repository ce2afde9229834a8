import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.delivery import project
from tests.local.emulator.driver import ACCOUNT, REGION, Emulator, eventually, packed

NO_SOURCE = {"Type": "NO_SOURCE"}


def spec(*commands: str, **more: Any) -> str:
    return json.dumps({"version": 0.2, "phases": {"build": {"commands": commands}}, **more})


def deploy(emulator: Emulator, resource: dict[str, Any], stack: str | None = None) -> str:
    """Deploy a project and return its name."""
    template = {
        "Resources": {"Build": resource},
        "Outputs": {"Name": {"Value": {"Ref": "Build"}}},
    }
    return emulator.outputs(emulator.deploy(template, stack))["Name"]


def run(emulator: Emulator, name: str, **request: Any) -> dict[str, Any]:
    """Start a build and return it when it is over."""
    codebuild = emulator.client("codebuild")
    build = codebuild.start_build(projectName=name, **request)["build"]
    assert build["buildStatus"] == "IN_PROGRESS"
    return over(emulator, build["id"])


def over(emulator: Emulator, build_id: str) -> dict[str, Any]:
    codebuild = emulator.client("codebuild")

    def final() -> dict[str, Any] | None:
        (build,) = codebuild.batch_get_builds(ids=[build_id])["builds"]
        return build if build["buildComplete"] else None

    found: dict[str, Any] = eventually(final)
    return found


def log(emulator: Emulator, build: dict[str, Any]) -> list[str]:
    events = emulator.client("logs").get_log_events(
        logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"]
    )["events"]
    return [each["message"].rstrip("\n") for each in events]


def logged(emulator: Emulator, build: dict[str, Any], text: str) -> bool:
    try:
        return text in log(emulator, build)
    except ClientError:  # there is no stream yet
        return False


def exported(build: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in build["exportedEnvironmentVariables"]}


def test_start_wins_over_project_and_project_over_buildspec(emulator: Emulator) -> None:
    buildspec = spec(
        "true",
        env={
            "variables": {"A": "buildspec", "B": "buildspec", "C": "buildspec"},
            "exported-variables": ["A", "B", "C"],
        },
    )
    variables = [{"Name": name, "Value": "project"} for name in ("B", "C")]
    environment = {"EnvironmentVariables": variables}
    name = deploy(emulator, project(buildspec, Source=NO_SOURCE, Environment=environment))
    override = [{"name": "C", "value": "start", "type": "PLAINTEXT"}]
    build = run(emulator, name, environmentVariablesOverride=override)
    assert build["buildStatus"] == "SUCCEEDED"
    assert exported(build) == {"A": "buildspec", "B": "project", "C": "start"}


def test_codebuilds_own_variables(emulator: Emulator) -> None:
    wanted = ["ID", "ARN", "NUMBER", "IMAGE"]
    names = [f"CODEBUILD_BUILD_{each}" for each in wanted]
    names += [
        "CODEBUILD_INITIATOR",
        "CODEBUILD_SRC_DIR",
        "CODEBUILD_START_TIME",
        "CODEBUILD_LOG_PATH",
    ]
    # What starts with AWS_ is never exported.
    buildspec = spec(
        'export REGIONS="$AWS_REGION $AWS_DEFAULT_REGION" WHERE=$PWD',
        env={"exported-variables": [*names, "REGIONS", "WHERE"]},
    )
    name = deploy(emulator, project(buildspec, Source=NO_SOURCE))
    run(emulator, name)
    build = run(emulator, name)
    values = exported(build)
    assert values["CODEBUILD_BUILD_ID"] == build["id"]
    assert values["CODEBUILD_BUILD_ARN"] == build["arn"]
    assert values["CODEBUILD_BUILD_NUMBER"] == "2" == str(build["buildNumber"])
    assert values["CODEBUILD_BUILD_IMAGE"] == "aws/codebuild/standard:7.0"
    assert values["CODEBUILD_LOG_PATH"] == build["logs"]["streamName"]
    assert values["CODEBUILD_SRC_DIR"] == values["WHERE"]
    assert values["REGIONS"] == f"{REGION} {REGION}"
    assert re.fullmatch(r"\d{13}", values["CODEBUILD_START_TIME"])


def test_a_build_reaches_the_emulator(emulator: Emulator) -> None:
    buildspec = spec('export SEEN="$AWS_ENDPOINT_URL $HOME"', env={"exported-variables": ["SEEN"]})
    build = run(emulator, deploy(emulator, project(buildspec, Source=NO_SOURCE)))
    url, home = exported(build)["SEEN"].split()
    assert url == emulator.url
    assert home != str(Path.home())
    assert not Path(home).exists()  # not any more


def test_parameters_and_secrets_are_resolved_and_masked(emulator: Emulator) -> None:
    emulator.client("ssm").put_parameter(
        Name="/build/a", Value="parameter-value", Type="SecureString"
    )
    secret = emulator.client("secretsmanager").create_secret(
        Name="build/b", SecretString='{"key": "secret-value"}'
    )
    variables = [
        {"Name": "P", "Value": "/build/a", "Type": "PARAMETER_STORE"},
        {"Name": "S", "Value": "build/b:key", "Type": "SECRETS_MANAGER"},
        {"Name": "ARN", "Value": f"{secret['ARN']}:key", "Type": "SECRETS_MANAGER"},
    ]
    buildspec = spec(
        'test "$P $S $ARN" = "parameter-value secret-value secret-value"', "echo [$P $S]"
    )
    environment = {"EnvironmentVariables": variables}
    name = deploy(emulator, project(buildspec, Source=NO_SOURCE, Environment=environment))
    build = run(emulator, name)
    assert build["buildStatus"] == "SUCCEEDED"
    lines = log(emulator, build)
    assert "[*** ***]" in lines
    assert not [line for line in lines if "-value" in line and "test" not in line]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("PARAMETER_STORE", "/absent"), ("SECRETS_MANAGER", "absent")],
)
def test_a_variable_without_value_fails_the_build(
    emulator: Emulator, kind: str, value: str
) -> None:
    environment = {"EnvironmentVariables": [{"Name": "X", "Value": value, "Type": kind}]}
    name = deploy(emulator, project(spec("true"), Source=NO_SOURCE, Environment=environment))
    build = run(emulator, name)
    assert build["buildStatus"] == "FAILED"
    phase = next(each for each in build["phases"] if each["phaseType"] == "DOWNLOAD_SOURCE")
    assert phase["phaseStatus"] == "FAILED"
    assert value in phase["contexts"][0]["message"]
    assert "BUILD" not in {each["phaseType"] for each in build["phases"]}


@pytest.mark.parametrize(
    ("buildspec", "code", "cause"),
    [
        ("version: 0.2\nphases:\n  biuld: {}\n", "YAML_FILE_ERROR", "biuld"),
        (
            spec("true", env={"parameter-store": {"X": "/absent"}}),
            "",
            "/absent",
        ),
    ],
    ids=["wrong key", "missing parameter"],
)
def test_a_buildspec_that_cannot_run_says_why(
    emulator: Emulator, buildspec: str, code: str, cause: str
) -> None:
    build = run(emulator, deploy(emulator, project(buildspec, Source=NO_SOURCE)))
    assert build["buildStatus"] == "FAILED"
    (phase,) = [each for each in build["phases"] if each["phaseType"] == "DOWNLOAD_SOURCE"]
    assert phase["phaseStatus"] == "FAILED"
    assert code in phase["contexts"][0]["statusCode"]
    assert cause in phase["contexts"][0]["message"]


def test_phases_tell_what_failed(emulator: Emulator) -> None:
    build = run(emulator, deploy(emulator, project(spec("exit 7"), Source=NO_SOURCE)))
    assert build["buildStatus"] == "FAILED"
    assert build["currentPhase"] == "COMPLETED"
    phases = {each["phaseType"]: each for each in build["phases"]}
    names = [each["phaseType"] for each in build["phases"]]
    assert names[:4] == ["SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE"]
    assert names[-1] == "COMPLETED"
    assert phases["BUILD"]["phaseStatus"] == "FAILED"
    (context,) = phases["BUILD"]["contexts"]
    assert context["statusCode"] == "COMMAND_EXECUTION_ERROR"
    assert "exit status 7" in context["message"]


def test_a_buildspec_and_a_source_from_s3(emulator: Emulator) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="inputs", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(
        Bucket="inputs",
        Key="specs/a.yml",
        Body=b"version: 0.2\nphases:\n  build:\n    commands:\n      - cp a.txt b.txt\n"
        b"artifacts:\n  files: ['b.txt']\n",
    )
    s3.put_object(Bucket="inputs", Key="source.zip", Body=packed({"a.txt": "content"}))
    resource = project(
        "arn:aws:s3:::inputs/specs/a.yml",
        Source={"Type": "S3", "Location": "inputs/source.zip"},
        Artifacts={"Type": "S3", "Location": "inputs", "Path": "out", "Name": "made.zip"},
    )
    build = run(emulator, deploy(emulator, resource))
    assert build["buildStatus"] == "SUCCEEDED"
    made = s3.get_object(Bucket="inputs", Key="out/made.zip")["Body"].read()
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.read("b.txt") == b"content"


def test_a_buildspec_is_a_file_of_the_source(emulator: Emulator) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="sources", CreateBucketConfiguration={"LocationConstraint": REGION})
    files = {"buildspec.yml": spec("exit 4"), "ci/other.yml": spec("exit 5")}
    s3.put_object(Bucket="sources", Key="source.zip", Body=packed(files))
    at = {"Type": "S3", "Location": "sources/source.zip"}
    name = deploy(emulator, project("", Source=at))

    def message(**override: str) -> str:
        phases = run(emulator, name, **override)["phases"]
        failed = next(each for each in phases if each.get("phaseStatus") == "FAILED")
        return f"{failed['phaseType']} {failed['contexts'][0]['message']}"

    assert "exit status 4" in message()
    assert "exit status 5" in message(buildspecOverride="ci/other.yml")
    assert message(buildspecOverride="absent.yml") == (
        "DOWNLOAD_SOURCE YAML file does not exist: absent.yml in the source"
    )


def test_the_log_goes_where_the_project_says(emulator: Emulator) -> None:
    to = {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": "/my/group", "StreamName": "build"}}
    name = deploy(emulator, project(spec("echo hello"), Source=NO_SOURCE, LogsConfig=to))
    build = run(emulator, name)
    assert build["logs"]["groupName"] == "/my/group"
    assert build["logs"]["streamName"] == f"build/{build['id'].partition(':')[2]}"
    assert "hello" in log(emulator, build)

    silent = {"CloudWatchLogs": {"Status": "DISABLED"}}
    name = deploy(emulator, project(spec("echo hello"), Source=NO_SOURCE, LogsConfig=silent))
    build = run(emulator, name)
    assert build["buildStatus"] == "SUCCEEDED"
    assert "groupName" not in build["logs"]


def test_the_log_grows_while_the_build_runs_and_a_build_can_be_stopped(emulator: Emulator) -> None:
    codebuild = emulator.client("codebuild")
    name = deploy(emulator, project(spec("echo waiting", "sleep 600"), Source=NO_SOURCE))
    build = codebuild.start_build(projectName=name)["build"]

    eventually(lambda: logged(emulator, build, "waiting"))
    codebuild.stop_build(id=build["id"])
    assert over(emulator, build["id"])["buildStatus"] == "STOPPED"


def test_no_build_outlives_the_emulator(
    new_emulator: Callable[..., Emulator], tmp_path: Path
) -> None:
    machine = tmp_path / "build.json"
    machine.write_text(json.dumps({"PATH": os.environ["PATH"]}))
    emulator = new_emulator("--build-environment", str(machine))
    reported = tmp_path / "reported"
    buildspec = spec(
        f'echo "$$ $CODEBUILD_SRC_DIR" > {reported}.new && mv {reported}.new {reported}; sleep 600'
    )
    name = deploy(emulator, project(buildspec, Source=NO_SOURCE))
    emulator.client("codebuild").start_build(projectName=name)
    eventually(reported.exists)
    process, folder = reported.read_text().split()
    assert Path("/proc", process).exists()
    assert emulator.stop() == 0
    assert not Path("/proc", process).exists()
    assert not Path(folder).exists()


def test_projects_keep_what_a_template_says_and_drop_what_it_no_longer_says(
    emulator: Emulator,
) -> None:
    codebuild = emulator.client("codebuild")
    stack = emulator.new_name("project")
    environment = {"EnvironmentVariables": [{"Name": "A", "Value": "1"}], "PrivilegedMode": True}
    resource = project(
        spec("true"),
        Source=NO_SOURCE,
        Environment=environment,
        TimeoutInMinutes=7,
        Cache={"Type": "LOCAL", "Modes": ["LOCAL_DOCKER_LAYER_CACHE"]},
        Tags=[{"Key": "k", "Value": "v"}],
        ConcurrentBuildLimit=1,
    )
    name = deploy(emulator, resource, stack)
    (found,) = codebuild.batch_get_projects(names=[name])["projects"]
    assert found["timeoutInMinutes"] == 7
    assert found["cache"] == {"type": "LOCAL", "modes": ["LOCAL_DOCKER_LAYER_CACHE"]}
    assert found["environment"]["privilegedMode"] is True
    assert found["environment"]["environmentVariables"] == [{"name": "A", "value": "1"}]
    assert {"key": "k", "value": "v"} in found["tags"]
    assert found["concurrentBuildLimit"] == 1
    assert deploy(emulator, project(spec("false"), Source=NO_SOURCE), stack) == name
    (found,) = codebuild.batch_get_projects(names=[name])["projects"]
    assert (found["timeoutInMinutes"], found["cache"]) == (60, {"type": "NO_CACHE"})
    assert "concurrentBuildLimit" not in found
    assert found["source"]["buildspec"] == spec("false")
    emulator.client("cloudformation").delete_stack(StackName=stack)
    eventually(lambda: codebuild.batch_get_projects(names=[name])["projectsNotFound"] == [name])


def test_builds_are_listed_newest_first(emulator: Emulator) -> None:
    name = deploy(emulator, project(spec("true"), Source=NO_SOURCE))
    ids = [run(emulator, name)["id"] for _ in range(2)]
    listed = emulator.client("codebuild").list_builds_for_project(projectName=name)["ids"]
    assert listed == ids[::-1]


def test_wrong_requests(emulator: Emulator) -> None:
    codebuild = emulator.client("codebuild")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        codebuild.start_build(projectName="absent")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        codebuild.stop_build(id="absent:1")
    name = deploy(emulator, project(spec("true")))
    with pytest.raises(ClientError, match="by a pipeline"):
        codebuild.start_build(projectName=name)
    unknown = codebuild.batch_get_builds(ids=["absent:1"])
    assert unknown["buildsNotFound"] == ["absent:1"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"unavailable": "no engine: install docker"}', "no engine: install docker"),
        ("[]", "must hold a JSON object"),
        ("{", "is not JSON"),
        (None, "start the container engine first"),
    ],
)
def test_without_a_machine_builds_fail_in_provisioning(
    emulator: Emulator, machine: Path, content: str | None, reason: str
) -> None:
    if content is not None:
        machine.write_text(content)
    else:
        machine.unlink()
    name = deploy(emulator, project(spec("true"), Source=NO_SOURCE))
    build = run(emulator, name)
    assert build["buildStatus"] == "FAILED"
    phase = next(each for each in build["phases"] if each["phaseType"] == "PROVISIONING")
    assert reason in phase["contexts"][0]["message"]
    # The file is read anew for each build.
    machine.write_text('{"PATH": "/usr/bin:/bin"}')
    assert run(emulator, name)["buildStatus"] == "SUCCEEDED"


def test_the_account_is_that_of_the_caller(emulator: Emulator) -> None:
    name = deploy(emulator, project(spec("true"), Source=NO_SOURCE))
    assert f":{REGION}:{ACCOUNT}:build/{name}:" in run(emulator, name)["arn"]


def test_a_start_has_its_own_source_artifact_and_machine(emulator: Emulator) -> None:
    bucket = emulator.new_name("own")
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="source.zip", Body=packed({"a.txt": "a"}))
    s3.put_object(Bucket=bucket, Key="more.zip", Body=packed({"b.txt": "b"}))
    buildspec = spec(
        'cp "$CODEBUILD_SRC_DIR_more/b.txt" .',
        artifacts={"files": ["a.txt"], "secondary-artifacts": {"second": {"files": ["b.txt"]}}},
    )
    name = deploy(emulator, project(spec("false")))
    target = {"type": "S3", "location": bucket, "packaging": "ZIP"}
    build = run(
        emulator,
        name,
        buildspecOverride=buildspec,
        sourceTypeOverride="S3",
        sourceLocationOverride=f"{bucket}/source.zip",
        secondarySourcesOverride=[
            {"type": "S3", "location": f"{bucket}/more.zip", "sourceIdentifier": "more"}
        ],
        artifactsOverride={**target, "path": "out", "name": "first.zip"},
        secondaryArtifactsOverride=[
            {**target, "name": "second.zip", "artifactIdentifier": "second"}
        ],
        imageOverride="own-image:1",
        timeoutInMinutesOverride=6,
    )
    assert build["buildStatus"] == "SUCCEEDED"
    assert build["source"]["location"] == f"{bucket}/source.zip"
    assert build["environment"]["image"] == "own-image:1"
    assert build["timeoutInMinutes"] == 6
    assert build["artifacts"]["location"] == f"arn:aws:s3:::{bucket}/out/first.zip"
    (second,) = build["secondaryArtifacts"]
    assert (second["artifactIdentifier"], second["location"]) == (
        "second",
        f"arn:aws:s3:::{bucket}/second.zip",
    )
    for key, file in (("out/first.zip", "a.txt"), ("second.zip", "b.txt")):
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.namelist() == [file]
    # The project is as it was.
    (found,) = emulator.client("codebuild").batch_get_projects(names=[name])["projects"]
    assert (found["source"]["type"], found["timeoutInMinutes"]) == ("CODEPIPELINE", 60)


def test_a_builds_temporary_files_and_logins_end_with_it(
    new_emulator: Callable[..., Emulator], tmp_path: Path
) -> None:
    settings = tmp_path / "docker"
    settings.mkdir()
    (settings / "config.json").write_text('{"auths": {}}')
    machine = tmp_path / "build.json"
    own = {"DOCKER_CONFIG": str(settings), "BUILDX_CONFIG": str(settings / "buildx")}
    machine.write_text(json.dumps({"PATH": "/usr/bin:/bin", **own}))
    emulator = new_emulator("--build-environment", str(machine))
    buildspec = spec(
        'echo changed > "$DOCKER_CONFIG/config.json"',
        'echo mine > "$BUILDX_CONFIG/current"',
        'export FILE="$(mktemp)"',
        env={"exported-variables": ["FILE"]},
    )
    build = run(emulator, deploy(emulator, project(buildspec, Source=NO_SOURCE)))
    assert build["buildStatus"] == "SUCCEEDED"
    assert (settings / "config.json").read_text() == '{"auths": {}}'
    assert not (settings / "buildx").exists()
    assert not Path(exported(build)["FILE"]).exists()
