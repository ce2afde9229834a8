"""The action that deploys by CodeDeploy: what it takes from its artifacts, and what it shows."""

import json
import random
from typing import Any

import pytest

from tests.local.emulator.code_deploy import Blue
from tests.local.emulator.delivery import action
from tests.local.emulator.driver import Emulator, eventually
from tests.local.emulator.pipeline import Pipeline

IMAGE = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:" + 64 * "a"
APP_SPEC = """\
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: <TASK_DEFINITION>
        LoadBalancerInfo:
          ContainerName: app
          ContainerPort: 80
"""


class Releasing:
    """A service, and a pipeline that deploys what is pushed."""

    def __init__(
        self, emulator: Emulator, *, deploy: dict[str, Any] | None = None, **settings: Any
    ):
        self.blue = Blue(emulator, **settings)
        configuration = {
            "ApplicationName": self.blue.group["applicationName"],
            "DeploymentGroupName": self.blue.group["deploymentGroupName"],
            "TaskDefinitionTemplateArtifact": "Source",
            "AppSpecTemplateArtifact": "Source",
            "Image1ArtifactName": "Source",
            "Image1ContainerName": "IMAGE1_NAME",
            **(deploy or {}),
        }
        deploys = action(
            "Deploy", "CodeDeployToECS", configuration, name="Deploy", inputs=["Source"]
        )
        self.pipeline = Pipeline(emulator, {"Deploy": [deploys]})

    def files(self, **other: str) -> dict[str, str]:
        definition = {
            "family": self.blue.name,
            "networkMode": "awsvpc",
            "containerDefinitions": [
                {
                    "name": "app",
                    "image": "<IMAGE1_NAME>",
                    "memory": 64,
                    "portMappings": [{"containerPort": 80}],
                    "environment": [{"name": "WORD", "value": "new"}],
                }
            ],
        }
        return {
            "taskdef.json": json.dumps(definition),
            "appspec.yaml": APP_SPEC,
            "imageDetail.json": json.dumps({"ImageURI": IMAGE}),
            **other,
        }

    def fails(self, files: dict[str, str], *words: str) -> None:
        execution = self.pipeline.push(files)
        assert self.pipeline.end(execution) == "Failed"
        message = self.pipeline.error(execution, "Deploy")["message"]
        for word in words:
            assert word in message
        assert self.blue.images() == ["good:1"]


def test_the_files_are_filled_in_and_deployed(emulator: Emulator) -> None:
    release = Releasing(emulator)
    execution = release.pipeline.push(release.files())
    assert release.pipeline.end(execution) == "Succeeded", release.pipeline.actions(execution)
    assert release.blue.images() == [IMAGE]
    result = release.pipeline.actions(execution)["Deploy"]["output"]["executionResult"]
    deployment = result["externalExecutionId"]
    assert release.blue.info(deployment)["status"] == "Succeeded"
    assert f"/codedeploy/deployments/{deployment}" in result["externalExecutionUrl"]
    revision = release.blue.info(deployment)["revision"]["appSpecContent"]["content"]
    (task_set,) = release.blue.service()["taskSets"]
    assert f"TaskDefinition: {task_set['taskDefinition']}" in revision
    described = release.blue.ecs.describe_task_definition(
        taskDefinition=task_set["taskDefinition"]
    )["taskDefinition"]["containerDefinitions"][0]
    assert described["environment"] == [{"name": "WORD", "value": "new"}]


def test_files_of_other_names_and_an_app_spec_in_json(emulator: Emulator) -> None:
    paths = {
        "TaskDefinitionTemplatePath": "deploy/task.json",
        "AppSpecTemplatePath": "deploy/spec.json",
    }
    release = Releasing(emulator, deploy=paths)
    files = release.files()
    files["deploy/task.json"] = files.pop("taskdef.json")
    files["deploy/spec.json"] = release.blue.app_spec("<TASK_DEFINITION>")
    execution = release.pipeline.push(files)
    assert release.pipeline.end(execution) == "Succeeded"
    assert release.blue.images() == [IMAGE]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"taskdef.json": None},
            "Exception while trying to read the task definition artifact file from: Source",
        ),
        (
            {"appspec.yaml": None},
            "Exception while trying to read the AppSpec artifact file from: Source",
        ),
        (
            {"imageDetail.json": None},
            "Exception while trying to read the image artifact file from: Source",
        ),
        ({"imageDetail.json": "[]"}, "has no ImageURI"),
        ({"taskdef.json": "{"}, "has no placeholder <IMAGE1_NAME>"),
        ({"taskdef.json": "<IMAGE1_NAME>"}, "not valid JSON"),
        (
            {
                "taskdef.json": '{"family": "a", "containerDefinitions": [{"name": "app", "image": '
                '"<IMAGE1_NAME>"}, {"name": "other", "image": "<OTHER>"}]}'
            },
            "Container.image contains invalid characters: <OTHER>",
        ),
        ({"appspec.yaml": APP_SPEC.replace("app\n", "web\n")}, "The container web does not exist"),
        ({"appspec.yaml": "{"}, "INVALID_REVISION"),
    ],
)
def test_files_that_cannot_be_deployed(
    emulator: Emulator, changed: dict[str, str | None], words: str
) -> None:
    release = Releasing(emulator)
    files = {**release.files(), **changed}
    release.fails({name: text for name, text in files.items() if text is not None}, words)


def test_an_artifact_that_is_too_large(emulator: Emulator) -> None:
    release = Releasing(emulator)
    noise = random.Random(1).randbytes(2 * 1024 * 1024).hex()  # noqa: S311  # cannot be packed well
    release.fails(release.files(noise=noise + noise), "3 MB at most")


def test_an_artifact_that_the_action_does_not_get(emulator: Emulator) -> None:
    release = Releasing(emulator, deploy={"AppSpecTemplateArtifact": "Other"})
    release.fails(release.files(), "Other is not an input artifact")


def test_the_failure_of_the_deployment_is_reported(emulator: Emulator) -> None:
    release = Releasing(emulator)
    release.blue.alarm("ALARM")
    release.fails(release.files(), "stopped: ALARM_ACTIVE", release.blue.name)


def test_a_deployment_that_runs_already(emulator: Emulator) -> None:
    release = Releasing(emulator, approval=60)
    deployment = release.blue.deploy("good:1")
    execution = release.pipeline.push(release.files())
    assert release.pipeline.end(execution) == "Failed"
    assert (
        f"already has an active Deployment '{deployment}'"
        in (release.pipeline.error(execution, "Deploy")["message"])
    )
    release.blue.api.stop_deployment(deploymentId=deployment)
    release.blue.rolled_back(deployment)


def test_an_abandoned_execution_stops_its_deployment(emulator: Emulator) -> None:
    release = Releasing(emulator, approval=60)
    execution = release.pipeline.push(release.files())

    def started() -> str | None:
        shown = release.pipeline.actions(execution).get("Deploy", {}).get("output", {})
        found = shown.get("executionResult", {}).get("externalExecutionId")
        return str(found) if found else None

    deployment = eventually(started)
    release.blue.becomes(deployment, "Ready")
    release.pipeline.api.stop_pipeline_execution(
        pipelineName=release.pipeline.name, pipelineExecutionId=execution, abandon=True
    )
    assert release.blue.ended(deployment)["status"] == "Stopped"
    release.blue.rolled_back(deployment)
    assert release.blue.images() == ["good:1"]
    assert release.pipeline.end(execution) == "Stopped"


def test_an_image_without_its_placeholder_is_refused_at_once(emulator: Emulator) -> None:
    with pytest.raises(pytest.fail.Exception, match="must be given together"):
        Releasing(emulator, deploy={"Image2ArtifactName": "Source"})
