import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

PROGRAM = Path(__file__).parents[2] / "buildspecs" / "deploy_files.py"
IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/my-app@sha256:" + "a" * 64
REVISION = "arn:aws:ecs:eu-west-1:111122223333:task-definition/my-app:7"
OUT = ".container-deploy-files"

FAKE_AWS = """#!{python} -SE
import json, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "calls").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
reply = json.loads((here / "scenario.json").read_text()).get(sys.argv[2])
if reply is None:
    sys.exit("An error occurred (AccessDeniedException) when calling it: no")
sys.stdout.write(json.dumps(reply))
"""

APP_SPEC = {
    "Resources": [
        {
            "TargetService": {
                "Type": "AWS::ECS::Service",
                "Properties": {
                    "TaskDefinition": "<TASK_DEFINITION>",
                    "LoadBalancerInfo": {"ContainerName": "app", "ContainerPort": 3000},
                    "PlatformVersion": "LATEST",
                },
            }
        }
    ],
    "Hooks": [{"AfterAllowTestTraffic": "probe"}, {"AfterAllowTraffic": "other"}],
}
SETTINGS = {"taskDefinition": REVISION, "container": "app", "appSpec": APP_SPEC}
DEFINITION = {
    "taskDefinitionArn": REVISION,
    "revision": 7,
    "status": "ACTIVE",
    "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}],
    "compatibilities": ["EC2", "FARGATE"],
    "registeredAt": "2026-06-15T12:00:00Z",
    "registeredBy": "arn:aws:iam::111122223333:user/x",
    "family": "my-app",
    "cpu": "256",
    "memory": "512",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "taskRoleArn": "arn:aws:iam::111122223333:role/task",
    "executionRoleArn": "arn:aws:iam::111122223333:role/execution",
    "containerDefinitions": [
        {"name": "proxy", "image": "proxy:1"},
        {
            "name": "app",
            "image": "my-app@sha256:" + "0" * 64,
            "environment": [{"name": "GREETING", "value": 'grüß dich: "y" #1'}],
        },
    ],
}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    programs, source = tmp_path / "bin", tmp_path / "source"
    programs.mkdir()
    source.mkdir()
    aws = programs / "aws"
    aws.write_text(FAKE_AWS.replace("{python}", sys.executable))
    aws.chmod(0o755)

    def run(
        settings: Any = SETTINGS, definition: Any = DEFINITION, **variables: str | None
    ) -> subprocess.CompletedProcess[str]:
        value = settings if isinstance(settings, str | None) else json.dumps(settings)
        scenario = {
            "get-parameter": value,
            "describe-task-definition": definition and {"taskDefinition": definition},
        }
        (programs / "scenario.json").write_text(json.dumps(scenario))
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "IMAGE_URI": IMAGE,
            "DEPLOY_FILES_PARAMETER": "my-parameter",
            **variables,
        }
        return subprocess.run(
            [sys.executable, str(PROGRAM)],
            cwd=source,
            env={name: value for name, value in environment.items() if value is not None},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], str]:
    return lambda name: (tmp_path / "source" / OUT / name).read_text()


def test_the_task_definition_can_be_registered_with_another_image(
    run: Run, written: Callable[[str], str]
) -> None:
    assert run().returncode == 0
    proxy, app = DEFINITION["containerDefinitions"]  # type: ignore[misc]
    expected = {
        "family": "my-app",
        "cpu": "256",
        "memory": "512",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "taskRoleArn": DEFINITION["taskRoleArn"],
        "executionRoleArn": DEFINITION["executionRoleArn"],
        "containerDefinitions": [proxy, {**app, "image": "<IMAGE1_NAME>"}],
    }
    assert json.loads(written("taskdef.json")) == expected


def test_the_app_spec_is_yaml_that_says_the_same(run: Run, written: Callable[[str], str]) -> None:
    assert run().returncode == 0
    assert yaml.safe_load(written("appspec.yaml")) == {"version": 0.0, **APP_SPEC}
    assert written("appspec.yaml").startswith("version: 0.0\nResources:\n  - TargetService:\n")


def test_without_hooks_there_is_no_such_section(run: Run, written: Callable[[str], str]) -> None:
    spec = {"Resources": APP_SPEC["Resources"]}
    assert run({**SETTINGS, "appSpec": spec}).returncode == 0
    assert yaml.safe_load(written("appspec.yaml")) == {"version": 0.0, **spec}


def test_the_image_is_named_by_digest(run: Run, written: Callable[[str], str]) -> None:
    assert run().returncode == 0
    assert json.loads(written("imageDetail.json")) == {"ImageURI": IMAGE}


def test_the_revision_of_the_stack_is_asked_for_and_no_newer_one(run: Run, tmp_path: Path) -> None:
    run()
    assert (tmp_path / "bin" / "calls").read_text().splitlines() == [
        "ssm get-parameter --name my-parameter --query Parameter.Value --output json",
        f"ecs describe-task-definition --task-definition {REVISION} --output json",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"IMAGE_URI": None}, "IMAGE_URI is not set: start this build through its pipeline"),
        ({"DEPLOY_FILES_PARAMETER": None}, "DEPLOY_FILES_PARAMETER is not set"),
        ({"IMAGE_URI": "my-app:latest"}, "by digest, got 'my-app:latest'"),
        ({"settings": "seed"}, "the parameter my-parameter must hold what"),
        ({"settings": {}}, "my-parameter must have 'taskDefinition', got none"),
        ({"settings": {**SETTINGS, "container": 5}}, "must have 'container'"),
        ({"settings": {**SETTINGS, "appSpec": {}}}, "must have 'appSpec'"),
        ({"settings": {**SETTINGS, "container": "web"}}, "the container 'web', got proxy, app"),
        ({"settings": None}, "aws ssm get-parameter failed: An error occurred (AccessDenied"),
        ({"definition": None}, "aws ecs describe-task-definition failed"),
        ({"definition": {"family": "my-app"}}, "the container 'app', got none"),
        (
            {"definition": {**DEFINITION, "executionRoleArn": ""}},
            "must have an execution role, got none",
        ),
        (
            {"definition": {**DEFINITION, "family": "<IMAGE1_NAME>"}},
            "must not contain <IMAGE1_NAME>",
        ),
        ({"definition": {**DEFINITION, "cpu": "x" * 3_000_000}}, "at most 3000000 bytes, got 3"),
        ({"PATH": "/nonexistent"}, "the AWS CLI cannot be run"),
    ],
)
def test_what_cannot_be_deployed_is_refused_and_leaves_nothing(
    run: Run, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    left = tmp_path / "source" / OUT
    left.mkdir()
    (left / "taskdef.json").write_text("{}")
    done = run(**options)
    assert done.returncode == 1
    assert done.stderr.startswith("No deploy files: ")
    assert message in done.stderr
    assert not left.exists()


def test_it_runs_on_the_oldest_python_that_build_images_have() -> None:
    ast.parse(PROGRAM.read_text(), feature_version=(3, 9))
