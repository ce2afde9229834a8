import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Match, Template

from container_pipelines import (
    BuildProject,
    EcrRepo,
    EcsRollingPipeline,
    ReleaseRecorder,
    Source,
    _assets,
)
from container_pipelines._packed import packed
from release_recorder.release import Release

FUNCTION = "AWS::Lambda::Function"
PACKAGE = Path(__file__).parents[3] / "lambda" / "release_recorder"


@pytest.fixture
def shared(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Shared")


@pytest.fixture
def recorder(shared: cdk.Stack) -> ReleaseRecorder:
    return ReleaseRecorder(shared, "Recorder")


@pytest.fixture
def add_pipeline(
    source: Source, images: EcrRepo
) -> Callable[[cdk.Stack, ecs.IBaseService, ReleaseRecorder], codepipeline.IAction]:
    """A pipeline that records its releases."""

    def add(
        stack: cdk.Stack, service: ecs.IBaseService, recorder: ReleaseRecorder, **options: Any
    ) -> codepipeline.IAction:
        pipeline = EcsRollingPipeline(
            stack,
            "Release",
            source=source,
            build=BuildProject(stack, "Build", repository=images.repository),
            service=service,
            container_name="app",
            task_roles=[iam.Role.from_role_name(stack, "TaskRole", "task")],
        )
        role = iam.Role(
            pipeline, "RecordRole", assumed_by=iam.ArnPrincipal(pipeline.pipeline.role.role_arn)
        )
        action = recorder.action(
            pipeline,
            role=role,
            service=service,
            container_name="app",
            image_pointer=images.image_pointer,
            run_order=2,
            **options,
        )
        pipeline.pipeline.stage("Deploy").add_action(action)
        return action

    return add


def imported(stack: cdk.Stack, name: str = "my-app") -> ecs.IBaseService:
    return ecs.FargateService.from_fargate_service_attributes(
        stack,
        "Service",
        service_name=name,
        cluster=ecs.Cluster.from_cluster_arn(
            stack,
            "Cluster",
            stack.format_arn(service="ecs", resource="cluster", resource_name="prod"),
        ),
    )


def test_the_function(
    shared: cdk.Stack, recorder: ReleaseRecorder, template: Callable[[cdk.Stack], Template]
) -> None:
    rendered = template(shared)
    rendered.has_resource_properties(
        FUNCTION,
        {
            "Runtime": "python3.14",
            "Architectures": ["arm64"],
            "Handler": "release_recorder.handler.handle",
            "MemorySize": 256,
            "Timeout": 300,
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": Match.any_value()},
        },
    )
    rendered.has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": 30})


def test_its_own_role_may_answer_and_log_and_nothing_else(
    shared: cdk.Stack,
    stack: cdk.Stack,
    recorder: ReleaseRecorder,
    add_pipeline: Callable[..., Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    add_pipeline(stack, imported(stack), recorder)
    assert statements(shared, "RecorderRole") == [
        {
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Effect": "Allow",
            "Resource": {"Fn::GetAtt": [log_group_id(shared), "Arn"]},
        },
        {
            "Action": ["codepipeline:PutJobFailureResult", "codepipeline:PutJobSuccessResult"],
            "Effect": "Allow",
            "Resource": "*",
        },
    ]
    Template.from_stack(shared).resource_count_is("AWS::Lambda::Permission", 0)


def log_group_id(stack: cdk.Stack) -> str:
    (logical_id,) = Template.from_stack(stack).find_resources("AWS::Logs::LogGroup")
    return logical_id


def arn(kind: str, name: str) -> dict[str, Any]:
    place = [{"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}]
    return {
        "Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":ecs:", *place, f":{kind}/{name}"]]
    }


def test_the_role_for_a_pipeline_may_look_at_one_service_and_write_one_pointer(
    stack: cdk.Stack,
    recorder: ReleaseRecorder,
    add_pipeline: Callable[..., Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    add_pipeline(stack, imported(stack), recorder)
    *looks, read, write, mark = statements(stack, "ReleaseRecordRecording")
    service = arn("service", "prod/my-app")
    assert [(look["Action"], look["Resource"]) for look in looks] == [
        (["ecs:DescribeServices", "ecs:ListServiceDeployments"], service),
        (
            "ecs:DescribeServiceDeployments",
            [service, arn("service-deployment", "prod/my-app/*")],
        ),
        ("ecs:DescribeServiceRevisions", [service, arn("service-revision", "prod/my-app/*")]),
        ("ecs:DescribeTasks", arn("task", "prod/*")),
        ("ecs:ListTasks", "*"),
        ("ecs:DescribeTaskDefinition", "*"),
    ]
    assert looks[4]["Condition"] == {"ArnEquals": {"ecs:cluster": arn("cluster", "prod")}}
    assert (read["Action"], write["Action"]) == ("ssm:GetParameter", "ssm:PutParameter")
    assert read["Resource"] == write["Resource"]
    assert len(write["Resource"]) == 2
    assert "*" not in json.dumps(write["Resource"])
    # To tag what is live in its repository, so that ECR keeps it.
    assert mark["Action"] == ["ecr:BatchGetImage", "ecr:PutImage"]
    assert "ImagesRepository" in json.dumps(mark["Resource"])
    assert "*" not in json.dumps(mark["Resource"])


def test_only_the_function_may_take_that_role(
    stack: cdk.Stack,
    recorder: ReleaseRecorder,
    add_pipeline: Callable[..., Any],
    template: Callable[[cdk.Stack], Template],
) -> None:
    add_pipeline(stack, imported(stack), recorder)
    roles = template(stack).find_resources("AWS::IAM::Role")
    (role,) = [role for name, role in roles.items() if name.startswith("ReleaseRecordRecording")]
    (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Principal"] == {"AWS": stack.resolve(recorder.role.role_arn)}


def test_the_actions_role_may_call_the_function_and_nothing_else(
    stack: cdk.Stack,
    recorder: ReleaseRecorder,
    add_pipeline: Callable[..., Any],
    statements: Callable[[cdk.Stack, str], list[dict[str, Any]]],
) -> None:
    add_pipeline(stack, imported(stack), recorder)
    (statement,) = statements(stack, "ReleaseRecordRole")
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Resource"] == stack.resolve(recorder.function.function_arn)


def record_action(stack: cdk.Stack) -> dict[str, Any]:
    (pipeline,) = Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    stages = {stage["Name"]: stage["Actions"] for stage in pipeline["Properties"]["Stages"]}
    (action,) = [action for action in stages["Deploy"] if action["Name"] == "Record"]
    return dict(action)


def test_the_action_comes_after_the_deployment_and_names_the_built_image(
    stack: cdk.Stack, recorder: ReleaseRecorder, add_pipeline: Callable[..., Any]
) -> None:
    add_pipeline(stack, imported(stack), recorder)
    action = record_action(stack)
    assert action["RunOrder"] == 2
    assert action["Namespace"] == "RecordVariables"
    assert action["ActionTypeId"]["Provider"] == "Lambda"
    assert action["Configuration"]["FunctionName"] == stack.resolve(recorder.function.function_name)
    parts = action["Configuration"]["UserParameters"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "TOKEN" for part in parts)
    assert json.loads(text) == {
        "cluster": "prod",
        "service": "my-app",
        "container": "app",
        "image": "#{BuildVariables.IMAGE_URI}",
        "pointer": "/container-pipelines/my-app/image",
        "previous": "/container-pipelines/my-app/image-previous",
        "role": "TOKEN",
        "timeout": "3600",
        "repository": "TOKEN",
    }


def test_the_function_understands_what_the_action_says(
    app: cdk.App,
    stack: cdk.Stack,
    shared: cdk.Stack,
    add_pipeline: Callable[..., Any],
) -> None:
    recorder = ReleaseRecorder(shared, "Recorder", timeout=cdk.Duration.hours(23))
    image = f"my-app@sha256:{'0' * 64}"
    add_pipeline(stack, imported(stack), recorder, image=image)
    parts = record_action(stack)["Configuration"]["UserParameters"]["Fn::Join"][1]
    release = Release.parse("".join(p if isinstance(p, str) else "arn:role" for p in parts))
    assert (release.service, release.image, release.timeout) == ("my-app", image, 23 * 60 * 60)


def test_one_function_for_pipelines_of_other_stacks_without_a_cycle(
    app: cdk.App,
    stack: cdk.Stack,
    shared: cdk.Stack,
    recorder: ReleaseRecorder,
    own_service: ecs.FargateService,
    add_pipeline: Callable[..., Any],
) -> None:
    """One pipeline has its service in its own stack, as an app may well do."""
    add_pipeline(stack, own_service, recorder)
    other = cdk.Stack(app, "Other")
    add_pipeline(other, imported(other, "other"), recorder)
    app.synth()
    assert shared in stack.dependencies
    assert shared in other.dependencies
    assert shared.dependencies == []
    Template.from_stack(shared).resource_count_is(FUNCTION, 1)
    assert not Template.from_stack(stack).find_resources(FUNCTION)


def test_recorder_service_and_pipeline_in_one_stack(
    app: cdk.App,
    stack: cdk.Stack,
    own_service: ecs.FargateService,
    add_pipeline: Callable[..., Any],
) -> None:
    add_pipeline(stack, own_service, ReleaseRecorder(stack, "Recorder"))
    app.synth()


def test_nothing_is_left_for_a_security_check_to_find(
    stack: cdk.Stack,
    shared: cdk.Stack,
    recorder: ReleaseRecorder,
    nag: Callable[[cdk.Stack], list[str]],
    images: EcrRepo,
) -> None:
    service = imported(stack)
    recorder.action(
        stack,
        role=iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()),
        service=service,
        container_name="app",
        image_pointer=images.image_pointer,
    )
    assert nag(shared) == []
    # The action's own role is whoever's makes the pipeline.
    assert [name for name in nag(stack) if "-IAMNoInlinePolicy" not in name] == []


@pytest.fixture
def asset(tmp_path: Path) -> Callable[[], Path]:
    """The function's code as it is uploaded, in a folder that its content names."""

    def staged() -> Path:
        app = cdk.App(outdir=str(tmp_path / str(len(list(tmp_path.iterdir())))))
        ReleaseRecorder(cdk.Stack(app, "Stack"), "Recorder")
        (folder,) = [path for path in Path(app.synth().directory).glob("asset.*") if path.is_dir()]
        return folder

    return staged


def test_the_code_is_the_package_and_nothing_else(asset: Callable[[], Path]) -> None:
    folder = asset()
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    expected = {f"release_recorder/{path.name}": path for path in PACKAGE.glob("*.py")}
    assert set(found) == set(expected)
    assert "release_recorder/handler.py" in found
    for name, path in found.items():
        assert path.read_text() == packed(expected[name].read_text())


def test_the_code_is_the_same_from_a_wheel_and_after_it_has_run(
    asset: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = asset().name
    packaged = tmp_path / "site" / "container_pipelines"
    shutil.copytree(
        PACKAGE, packaged / "lambda" / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__")
    )
    (packaged / "lambda" / PACKAGE.name / "__pycache__").mkdir()
    (packaged / "lambda" / PACKAGE.name / "__pycache__" / "handler.cpython-314.pyc").touch()
    (packaged / "lambda" / "another_function").mkdir()
    (packaged / "lambda" / "another_function" / "__init__.py").touch()
    (packaged / "lambda" / "release_recorder_notes.txt").touch()
    monkeypatch.setattr(_assets, "_PACKAGE", packaged)
    assert asset().name == checkout


def test_everything_can_be_changed(
    stack: cdk.Stack, template: Callable[[cdk.Stack], Template]
) -> None:
    ReleaseRecorder(stack, "Recorder", log_retention=logs.RetentionDays.ONE_YEAR)
    template(stack).has_resource_properties("AWS::Logs::LogGroup", {"RetentionInDays": 365})


@pytest.mark.parametrize(
    ("timeout", "text"),
    [
        (cdk.Duration.seconds(30), "'timeout' must be from 1 minute to 23 hours in whole minutes"),
        (cdk.Duration.seconds(90), "'timeout' must be from 1 minute"),
        (cdk.Duration.hours(24), "'timeout' must be from 1 minute"),
        (cdk.Duration.minutes(cdk.Token.as_number({"Ref": "Minutes"})), "known at synthesis"),
    ],
)
def test_a_timeout_must_fit(stack: cdk.Stack, timeout: cdk.Duration, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ReleaseRecorder(stack, "Recorder", timeout=timeout)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"action_name": "a b"}, "'action_name' must be 1 to 90 characters"),
        ({"action_name": ""}, "'action_name'"),
        ({"container_name": "x" * 900}, "must fit into the 1000 characters that an action takes"),
    ],
)
def test_bad_input_is_rejected(
    stack: cdk.Stack,
    recorder: ReleaseRecorder,
    images: EcrRepo,
    options: dict[str, Any],
    text: str,
) -> None:
    with pytest.raises(ValueError, match=text):
        recorder.action(
            stack,
            **{
                "role": iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()),
                "service": imported(stack),
                "container_name": "app",
                "image_pointer": images.image_pointer,
                **options,
            },
        )
