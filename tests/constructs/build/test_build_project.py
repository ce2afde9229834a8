import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Match, Template

from container_pipelines import (
    BuildProject,
    BuildReport,
    BuildSecret,
    DockerBuild,
    DockerHubCredentials,
    EcrRepo,
    PhaseCommands,
    Platform,
    PullThroughCache,
    ScanGate,
    ScanGateMode,
    Severity,
)
from container_pipelines._assets import build_program

PROJECT = "AWS::CodeBuild::Project"
BUILDSPEC = Path(__file__).parents[3] / "buildspecs" / "build.yml"
PLAIN = codebuild.BuildEnvironmentVariable(value="1")
GROUP = codebuild.ReportGroup.from_report_group_name(cdk.Stack(), "Group", "tests")


@pytest.fixture
def make(stack: cdk.Stack, images: EcrRepo) -> Callable[..., BuildProject]:
    def make(**options: Any) -> BuildProject:
        return BuildProject(stack, "Build", **{"repository": images.repository, **options})

    return make


@pytest.fixture
def project(template: Callable[[cdk.Stack], Template], stack: cdk.Stack) -> Callable[[], Any]:
    def properties() -> Any:
        (resource,) = template(stack).find_resources(PROJECT).values()
        return resource["Properties"]

    return properties


def variables(properties: Any) -> dict[str, Any]:
    return {
        variable["Name"]: variable for variable in properties["Environment"]["EnvironmentVariables"]
    }


def test_defaults(
    stack: cdk.Stack, make: Callable[..., BuildProject], template: Callable[[cdk.Stack], Template]
) -> None:
    make()
    rendered = template(stack)
    rendered.has_resource_properties(
        PROJECT,
        {
            "Environment": {
                "ComputeType": "BUILD_GENERAL1_SMALL",
                "Image": "aws/codebuild/amazonlinux-x86_64-standard:6.0",
                "PrivilegedMode": True,
                "Type": "LINUX_CONTAINER",
            },
            "TimeoutInMinutes": 30,
            "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED"}},
        },
    )
    rendered.has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": 30})


def test_the_buildspec_is_the_file_word_for_word(
    make: Callable[..., BuildProject], project: Callable[[], Any]
) -> None:
    make()
    assert project()["Source"]["BuildSpec"] == BUILDSPEC.read_text()


def test_everything_can_be_changed(
    stack: cdk.Stack, make: Callable[..., BuildProject], template: Callable[[cdk.Stack], Template]
) -> None:
    make(
        project_name="my-build",
        description="mine",
        build_spec=codebuild.BuildSpec.from_object({"version": "0.2"}),
        build_image=codebuild.LinuxBuildImage.STANDARD_7_0,
        compute_type=codebuild.ComputeType.LARGE,
        privileged=False,
        timeout=cdk.Duration.hours(2),
        log_retention=logs.RetentionDays.ONE_YEAR,
        environment_variables={"STAGE": codebuild.BuildEnvironmentVariable(value="prod")},
    )
    rendered = template(stack)
    rendered.has_resource_properties(
        PROJECT,
        {
            "Name": "my-build",
            "Description": "mine",
            "Source": {"BuildSpec": json.dumps({"version": "0.2"}, indent=2)},
            "Environment": {
                "ComputeType": "BUILD_GENERAL1_LARGE",
                "Image": "aws/codebuild/standard:7.0",
                "PrivilegedMode": False,
                "EnvironmentVariables": Match.array_with(
                    [{"Name": "STAGE", "Type": "PLAINTEXT", "Value": "prod"}]
                ),
            },
            "TimeoutInMinutes": 120,
        },
    )
    rendered.has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": 365})


def test_the_build_knows_repository_cache_and_account(
    make: Callable[..., BuildProject], project: Callable[[], Any]
) -> None:
    make()
    found = variables(project())
    assert set(found) == {
        "AWS_ACCOUNT_ID",
        "BUILD_OPTIONS",
        "BUILD_PLATFORMS",
        "BUILD_PROGRAM",
        "BUILD_PROGRAM_SHA256",
        "CACHE_TAG",
        "IMAGE_REPO_NAME",
        "REPOSITORY_URI",
        "SCAN_GATE",
    }
    assert found["AWS_ACCOUNT_ID"]["Value"] == {"Ref": "AWS::AccountId"}
    assert found["CACHE_TAG"]["Value"] == "buildcache"
    assert ".dkr.ecr." in json.dumps(found["REPOSITORY_URI"]["Value"])


def test_the_program_is_named_with_its_digest(
    stack: cdk.Stack, make: Callable[..., BuildProject], project: Callable[[], Any]
) -> None:
    make()
    found, program = variables(project()), build_program()
    content = program.path.read_bytes()
    assert found["BUILD_PROGRAM_SHA256"]["Value"] == hashlib.sha256(content).hexdigest()
    (asset,) = (child for child in stack.node.find_all() if isinstance(child, s3_assets.Asset))
    assert found["BUILD_PROGRAM"]["Value"] == stack.resolve(asset.s3_object_url)


def test_the_role_may_push_log_and_nothing_else(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    make()
    program, scan, repository, login, log = statements(stack, "BuildRole")
    assert program["Action"] == "s3:GetObject"
    assert "*" not in json.dumps(program)
    assert scan["Action"] == "ecr:DescribeImageScanFindings"
    assert scan["Resource"] == repository["Resource"]
    assert sorted(repository["Action"]) == [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:CompleteLayerUpload",
        "ecr:GetDownloadUrlForLayer",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
    ]
    assert repository["Resource"] != "*"
    assert (login["Action"], login["Resource"]) == ("ecr:GetAuthorizationToken", "*")
    assert log["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert log["Resource"] == {"Fn::GetAtt": [log_group_id(stack), "Arn"]}


def test_enhanced_scanning_lets_the_gate_read_the_findings_of_inspector(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    make(scan_gate=ScanGate(enhanced_scanning=True))
    (inspector,) = [
        statement for statement in statements(stack, "BuildRole") if "inspector" in str(statement)
    ]
    assert inspector["Action"] == ["inspector2:ListCoverage", "inspector2:ListFindings"]
    assert (inspector["Effect"], inspector["Resource"]) == ("Allow", "*")


def log_group_id(stack: cdk.Stack) -> str:
    (logical_id,) = Template.from_stack(stack).find_resources("AWS::Logs::LogGroup")
    return logical_id


def test_docker_hub_from_parameter_store_by_the_usual_names(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    project: Callable[[], Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    make(docker_hub=DockerHubCredentials.from_parameter_store())
    found = variables(project())
    assert found["DOCKERHUB_USER"] == {
        "Name": "DOCKERHUB_USER",
        "Type": "PARAMETER_STORE",
        "Value": "/codebuild/dockerhub-user",
    }
    assert found["DOCKERHUB_TOKEN"]["Value"] == "/codebuild/dockerhub-token"
    (grant,) = [s for s in statements(stack, "BuildRole") if s["Action"] == "ssm:GetParameters"]
    assert [arn["Fn::Join"][1][-1] for arn in grant["Resource"]] == [
        ":parameter/codebuild/dockerhub-user",
        ":parameter/codebuild/dockerhub-token",
    ]


def test_docker_hub_from_a_secret(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    project: Callable[[], Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    secret = secretsmanager.Secret(stack, "DockerHub")
    make(docker_hub=DockerHubCredentials.from_secret(secret, user_field="name"))
    found = variables(project())
    assert found["DOCKERHUB_USER"]["Type"] == "SECRETS_MANAGER"
    assert found["DOCKERHUB_USER"]["Value"]["Fn::Join"][1][-1] == ":name"
    assert found["DOCKERHUB_TOKEN"]["Value"]["Fn::Join"][1][-1] == ":token"
    grants = [
        s for s in statements(stack, "BuildRole") if s["Action"] == "secretsmanager:GetSecretValue"
    ]
    assert grants
    assert {grant["Resource"] != "*" for grant in grants} == {True}


def test_the_scan_gate_blocks_from_high_up_by_default(
    make: Callable[..., BuildProject], project: Callable[[], Any]
) -> None:
    make()
    settings = json.loads(variables(project())["SCAN_GATE"]["Value"])
    assert (settings["threshold"], settings["mode"]) == ("HIGH", "enforce")


def test_a_scan_gate_of_ones_own(
    make: Callable[..., BuildProject], project: Callable[[], Any]
) -> None:
    make(scan_gate=ScanGate(severity=Severity.CRITICAL, mode=ScanGateMode.REPORT))
    settings = json.loads(variables(project())["SCAN_GATE"]["Value"])
    assert (settings["threshold"], settings["mode"]) == ("CRITICAL", "report")


def test_a_buildspec_of_ones_own_brings_no_gate(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    project: Callable[[], Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    spec = codebuild.BuildSpec.from_object({"version": "0.2"})
    make(build_spec=spec)
    assert "SCAN_GATE" not in variables(project())
    assert not [s for s in statements(stack, "BuildRole") if "s3:" in str(s["Action"])]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("docker_build", DockerBuild()),
        ("scan_gate", ScanGate()),
        ("commands", PhaseCommands(build=["x"])),
    ],
)
def test_options_of_the_librarys_buildspec_are_for_it_alone(
    make: Callable[..., BuildProject], option: str, value: object
) -> None:
    spec = codebuild.BuildSpec.from_object({"version": "0.2"})
    with pytest.raises(ValueError, match=f"'{option}' must be left out with a 'build_spec'"):
        make(build_spec=spec, **{option: value})


def test_how_the_image_is_built_reaches_the_build(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    project: Callable[[], Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    key = kms.Key(stack, "Key")
    secret = secretsmanager.Secret(stack, "Npm", encryption_key=key)
    make(
        docker_build=DockerBuild(
            target="prod",
            secrets={
                "npm": BuildSecret.from_secret(secret, field="token"),
                "pip": BuildSecret.from_parameter_store("/pip"),
            },
        )
    )
    found = variables(project())
    assert json.loads(found["BUILD_OPTIONS"]["Value"]) == {
        "dockerfile": "Dockerfile",
        "context": ".",
        "target": "prod",
        "secrets": {"npm": "BUILD_SECRET_1", "pip": "BUILD_SECRET_2"},
    }
    assert found["BUILD_SECRET_1"]["Type"] == "SECRETS_MANAGER"
    assert found["BUILD_SECRET_2"] == {
        "Name": "BUILD_SECRET_2",
        "Type": "PARAMETER_STORE",
        "Value": "/pip",
    }
    actions = [s["Action"] for s in statements(stack, "BuildRole")]
    assert "ssm:GetParameters" in actions
    assert "secretsmanager:GetSecretValue" in actions
    assert "kms:Decrypt" in actions


def test_an_image_for_arm_alone_is_built_on_arm(
    make: Callable[..., BuildProject], project: Callable[[], Any]
) -> None:
    make(docker_build=DockerBuild(platforms=[Platform.ARM64]))
    environment = project()["Environment"]
    assert environment["Type"] == "ARM_CONTAINER"
    assert environment["Image"] == "aws/codebuild/amazonlinux-aarch64-standard:4.0"
    assert environment["ComputeType"] == "BUILD_GENERAL1_SMALL"


def test_an_image_for_both_is_built_on_x86(
    make: Callable[..., BuildProject], project: Callable[[], Any]
) -> None:
    make(docker_build=DockerBuild(platforms=[Platform.ARM64, Platform.AMD64]))
    assert project()["Environment"]["Type"] == "LINUX_CONTAINER"


def test_a_pull_through_cache_in_the_place_of_docker_hub(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    project: Callable[[], Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    make(docker_hub=PullThroughCache(prefix="hub"))
    cache = variables(project())["PULL_THROUGH_CACHE"]["Value"]["Fn::Join"][1]
    assert ".dkr.ecr." in cache
    assert cache[-1] == "/hub"
    (grant,) = [s for s in statements(stack, "BuildRole") if "ecr:CreateRepository" in s["Action"]]
    assert sorted(grant["Action"]) == [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:BatchImportUpstreamImage",
        "ecr:CreateRepository",
        "ecr:GetDownloadUrlForLayer",
    ]
    assert grant["Resource"]["Fn::Join"][1][-1] == ":repository/hub/*"
    assert nag(stack) == []


@pytest.mark.parametrize("prefix", ["", "a", "Hub", "hub/", "-hub", "x" * 31])
def test_a_prefix_of_a_cache_must_be_one(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"'pull_through_cache\.prefix' must be 2 to 30"):
        PullThroughCache(prefix=prefix)


def test_reports_may_be_written(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    project: Callable[[], Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    group = codebuild.ReportGroup(stack, "Tests")
    make(reports=[BuildReport(group=group), BuildReport(group=group, base_directory="out")])
    variables = project()["Environment"]["EnvironmentVariables"]
    assert {
        "Name": "REPORT_FOLDERS",
        "Type": "PLAINTEXT",
        "Value": '{"out":".container-reports/1"}',
    } in variables
    assert "reports:" in json.dumps(project()["Source"]["BuildSpec"])
    (grant,) = [
        s for s in statements(stack, "BuildRole") if "codebuild:CreateReport" in s["Action"]
    ]
    assert grant["Resource"] == stack.resolve(group.report_group_arn)


def test_a_build_in_a_vpc_may_have_its_interface_and_no_other(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    platform: SimpleNamespace,
    project: Callable[[], Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    made = make(vpc=platform.vpc)
    assert len(project()["VpcConfig"]["Subnets"]) == 2
    ec2 = {
        str(s["Action"]): s for s in statements(stack, "BuildRole") if "ec2:" in str(s["Action"])
    }
    create = ec2["ec2:CreateNetworkInterface"]
    assert len(create["Resource"]) == 4  # interfaces, two subnets, the group
    (group,) = made.project.connections.security_groups
    assert "security-group/" in json.dumps(create["Resource"][3])
    assert json.dumps(stack.resolve(group.security_group_id)) in json.dumps(create["Resource"][3])
    permission = ec2["ec2:CreateNetworkInterfacePermission"]["Condition"]
    assert permission["StringEquals"] == {"ec2:AuthorizedService": "codebuild.amazonaws.com"}
    subnets = permission["ArnEquals"]["ec2:Subnet"]
    assert subnets == create["Resource"][1:3]
    assert ec2["ec2:DeleteNetworkInterface"]["Condition"] == {"ArnEquals": {"ec2:Subnet": subnets}}
    (describe,) = [s for s in ec2.values() if s["Resource"] == "*"]
    assert {action.startswith("ec2:Describe") for action in describe["Action"]} == {True}
    assert nag(stack) == []


def test_how_many_builds_and_how_long_they_wait(
    make: Callable[..., BuildProject], project: Callable[[], Any]
) -> None:
    make(concurrent_builds=2, queued_timeout=cdk.Duration.minutes(20))
    assert (project()["ConcurrentBuildLimit"], project()["QueuedTimeoutInMinutes"]) == (2, 20)


def test_a_secrets_own_key_is_granted(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    secret = secretsmanager.Secret(stack, "DockerHub", encryption_key=kms.Key(stack, "Key"))
    make(docker_hub=DockerHubCredentials.from_secret(secret))
    assert [s for s in statements(stack, "BuildRole") if "kms:Decrypt" in s["Action"]]


def test_a_secret_in_plain_text_is_refused(make: Callable[..., BuildProject]) -> None:
    plain = cdk.Token.as_string(cdk.SecretValue.secrets_manager("token"))
    with pytest.raises(RuntimeError, match=r"(?i)plain ?text"):
        make(environment_variables={"TOKEN": codebuild.BuildEnvironmentVariable(value=plain)})


def test_what_is_granted_to_the_construct_reaches_the_role(
    stack: cdk.Stack,
    make: Callable[..., BuildProject],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    s3.Bucket(stack, "Extra").grant_put(make())
    assert any("s3:PutObject" in s["Action"] for s in statements(stack, "BuildRole"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"timeout": cdk.Duration.minutes(4)},
            "'timeout' must be from 5 minutes to 1 day 12 hours",
        ),
        ({"timeout": cdk.Duration.hours(37)}, "'timeout' must be from 5 minutes"),
        ({"project_name": "a b"}, "'project_name' must be 2 to 150 characters: .* got 'a b'"),
        ({"project_name": "x"}, "'project_name'"),
        ({"privileged": False}, "'privileged' must be True for the library's buildspec"),
        (
            {"environment_variables": {"REPOSITORY_URI": PLAIN}},
            "'environment_variables' must not name what the library sets, got REPOSITORY_URI",
        ),
        ({"environment_variables": {"BUILD_SECRET_7": PLAIN}}, "got BUILD_SECRET_7"),
        ({"concurrent_builds": 0}, "'concurrent_builds' must be from 1"),
        (
            {"queued_timeout": cdk.Duration.minutes(4)},
            "'queued_timeout' must be from 5 minutes to 8 hours",
        ),
        ({"reports": [BuildReport(group=GROUP)] * 6}, "'reports' must be at most 5"),
        ({"vpc_subnets": ec2.SubnetSelection()}, "must be given with 'vpc'"),
    ],
)
def test_bad_input_is_rejected(
    make: Callable[..., BuildProject], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize("name", ["", "/", "a b", "/a//b"])
def test_a_parameter_name_must_be_one(name: str) -> None:
    with pytest.raises(ValueError, match="'token_parameter' must be"):
        DockerHubCredentials.from_parameter_store(token_parameter=name)


def test_nothing_is_left_for_a_security_check_to_find(
    stack: cdk.Stack, make: Callable[..., BuildProject], nag: Callable[[cdk.Stack], list[str]]
) -> None:
    make(docker_hub=DockerHubCredentials.from_parameter_store())
    assert nag(stack) == []
