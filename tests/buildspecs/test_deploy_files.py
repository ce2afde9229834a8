import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from container_build.aws import Aws
from container_build.deploy_files import READ_ONLY, deploy_files
from container_build.failure import BuildFailedError
from container_build.programs import AwsError, Programs

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/my-app@sha256:" + "a" * 64
REVISION = "arn:aws:ecs:eu-west-1:111122223333:task-definition/my-app:7"

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


class Answers(Aws):
    """Answers with one parameter and one task definition."""

    def __init__(self, settings: Any, definition: Any) -> None:
        super().__init__(Programs({"PATH": "/nowhere"}, Path("/")), {}, "amazonaws.com")
        self._settings, self._definition = settings, definition
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def ask(
        self,
        service: str,
        operation: str,
        request: Mapping[str, Any],
        region: str = "",
        *,
        is_patient: bool = True,
    ) -> Any:
        self.calls.append((f"{service} {operation}", dict(request)))
        answer = self._settings if operation == "GetParameter" else self._definition
        if answer is None:
            raise AwsError(f"An error occurred (AccessDeniedException) when calling {operation}")
        if operation == "GetParameter":
            text = answer if isinstance(answer, str) else json.dumps(answer)
            return {"Parameter": {"Value": text}}
        return {"taskDefinition": answer}


Make = Callable[..., dict[str, str]]


@pytest.fixture
def make() -> Make:
    def make(settings: Any = SETTINGS, definition: Any = DEFINITION) -> dict[str, str]:
        return deploy_files(Answers(settings, definition), "my-parameter", IMAGE)

    return make


def test_the_task_definition_can_be_registered_with_another_image(
    make: Make,
) -> None:
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
    assert json.loads(make()["taskdef.json"]) == expected


def test_the_app_spec_is_yaml_that_says_the_same(make: Make) -> None:
    assert yaml.safe_load(make()["appspec.yaml"]) == {"version": 0.0, **APP_SPEC}
    assert make()["appspec.yaml"].startswith("version: 0.0\nResources:\n  - TargetService:\n")


def test_without_hooks_there_is_no_such_section(make: Make) -> None:
    spec = {"Resources": APP_SPEC["Resources"]}
    made = make({**SETTINGS, "appSpec": spec})
    assert yaml.safe_load(made["appspec.yaml"]) == {"version": 0.0, **spec}


def test_the_image_is_named_by_digest(make: Make) -> None:
    assert json.loads(make()["imageDetail.json"]) == {"ImageURI": IMAGE}


def test_the_revision_of_the_stack_is_asked_for_and_no_newer_one() -> None:
    aws = Answers(SETTINGS, DEFINITION)
    deploy_files(aws, "my-parameter", IMAGE)
    assert aws.calls == [
        ("ssm GetParameter", {"Name": "my-parameter"}),
        ("ecs DescribeTaskDefinition", {"taskDefinition": REVISION}),
    ]


def test_what_is_left_out_is_what_ecs_does_not_take() -> None:
    model = boto3.client("ecs", region_name="eu-west-1").meta.service_model
    told = model.operation_model("DescribeTaskDefinition").output_shape.members
    taken = model.operation_model("RegisterTaskDefinition").input_shape.members
    assert set(told["taskDefinition"].members) - set(taken) == set(READ_ONLY)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": "seed"}, "the parameter my-parameter must hold what"),
        ({"settings": "[]"}, "my-parameter must have 'taskDefinition', got none"),
        ({"settings": {}}, "my-parameter must have 'taskDefinition', got none"),
        ({"settings": {**SETTINGS, "container": 5}}, "must have 'container'"),
        ({"settings": {**SETTINGS, "appSpec": {}}}, "must have 'appSpec'"),
        ({"settings": {**SETTINGS, "container": "web"}}, "the container 'web', got proxy, app"),
        ({"settings": None}, "AccessDeniedException. when calling GetParameter"),
        ({"definition": None}, "AccessDeniedException. when calling DescribeTaskD"),
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
    ],
)
def test_what_cannot_be_deployed_is_refused(
    make: Make, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(BuildFailedError, match=rf"^No deploy files: .*{message}"):
        make(**options)
