"""The action of ECS and CodeDeploy: a task definition and an AppSpec, filled in and deployed.

https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECSbluegreen.html. AWS's
words are known where a file cannot be read; the others are in their manner. AWS does not say what
becomes of a placeholder that the task definition does not have; it is an error here.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.archives import ArchiveError, read
from local.emulator.pipelines.action import (
    ActionAbandoned,
    ActionError,
    Invocation,
    Outcome,
    Provider,
)
from local.emulator.pipelines.clock import clock
from local.emulator.scope import current

_POLL_SECONDS: Final = 0.25
_MOST_BYTES: Final = 3 * 1024 * 1024
_LONGEST_SECONDS: Final = 5 * 24 * 60 * 60.0
_WRONG: Final = "ConfigurationError"
_TASK_DEFINITION: Final = "<TASK_DEFINITION>"
_IMAGES: Final = tuple(
    (f"Image{number}ArtifactName", f"Image{number}ContainerName") for number in range(1, 5)
)


def code_deploy_provider() -> Provider:
    """Return the provider."""

    def run(invocation: Invocation) -> Outcome:
        try:
            revision = _register(invocation.clients("ecs"), _task_definition(invocation))
            deployment = _create(invocation.clients("codedeploy"), invocation, revision)
        except (ClientError, BotoCoreError) as error:
            raise ActionError(str(error), _WRONG) from error
        region = current().region
        invocation.report(
            externalExecutionId=deployment,
            externalExecutionUrl=f"https://console.aws.amazon.com/codesuite/codedeploy/deployments/"
            f"{deployment}?region={region}",
        )
        _follow(invocation.clients("codedeploy"), invocation, deployment)
        invocation.report(externalExecutionSummary="Deployment Succeeded")
        return Outcome()

    return Provider(
        run=run,
        required=(
            "ApplicationName",
            "DeploymentGroupName",
            "TaskDefinitionTemplateArtifact",
            "AppSpecTemplateArtifact",
        ),
        optional=(
            "TaskDefinitionTemplatePath",
            "AppSpecTemplatePath",
            *(key for keys in _IMAGES for key in keys),
        ),
        check=_check,
        inputs=(1, 5),
        outputs=(0, 0),
    )


def _check(configuration: Mapping[str, str]) -> None:
    for artifact, container in _IMAGES:
        if (artifact in configuration) != (container in configuration):
            raise ValueError(f"{artifact} and {container} must be given together")


def _task_definition(invocation: Invocation) -> dict[str, Any]:
    """Return the task definition with the images in the place of their placeholders."""
    configuration = invocation.configuration
    content = _file(
        invocation,
        configuration["TaskDefinitionTemplateArtifact"],
        configuration.get("TaskDefinitionTemplatePath", "taskdef.json"),
        "task definition",
    )
    for artifact, container in _IMAGES:
        if artifact not in configuration:
            continue
        image, placeholder = _image(invocation, configuration[artifact]), configuration[container]
        if f"<{placeholder}>" not in content:
            raise _invalid(f"The task definition has no placeholder <{placeholder}> for an image")
        content = content.replace(f"<{placeholder}>", image)
    try:
        definition = json.loads(content)
    except ValueError as error:
        raise _invalid(f"The task definition is not valid JSON: {error}") from error
    if not isinstance(definition, dict):
        raise _invalid("The task definition is not a JSON object")
    for each in definition.get("containerDefinitions") or ():
        if re.search(r"[<>\s]", str(each.get("image"))):
            raise _invalid(f"Container.image contains invalid characters: {each.get('image')}")
    return definition


def _image(invocation: Invocation, artifact: str) -> str:
    content = _file(invocation, artifact, "imageDetail.json", "image")
    try:
        image = json.loads(content)["ImageURI"]
    except (ValueError, KeyError, TypeError) as error:
        raise _invalid(
            f"The file imageDetail.json of the artifact: {artifact} has no ImageURI"
        ) from error
    return str(image)


def _file(invocation: Invocation, artifact: str, path: str, what: str) -> str:
    place = invocation.inputs.get(artifact)
    if place is None:
        raise _invalid(f"{artifact} is not an input artifact of the action")
    packed = invocation.artifacts.get(place)
    if packed is not None and len(packed) > _MOST_BYTES:
        raise _invalid(
            f"The artifact: {artifact} has {len(packed)} bytes, and may have 3 MB at most"
        )
    try:
        content = None if packed is None else read(packed, path)
        text = None if content is None else content.decode()
    except (ArchiveError, UnicodeDecodeError):
        text = None
    if text is None:
        raise _invalid(
            f"Exception while trying to read the {what} artifact file from: {artifact} ({path})"
        )
    return text


def _register(ecs: Any, definition: Mapping[str, Any]) -> str:
    registered = ecs.register_task_definition(**definition)["taskDefinition"]
    arn: str = registered["taskDefinitionArn"]
    return arn


def _create(codedeploy: Any, invocation: Invocation, task_definition: str) -> str:
    configuration = invocation.configuration
    app_spec = _file(
        invocation,
        configuration["AppSpecTemplateArtifact"],
        configuration.get("AppSpecTemplatePath", "appspec.yaml"),
        "AppSpec",
    )
    revision = {
        "revisionType": "AppSpecContent",
        "appSpecContent": {"content": app_spec.replace(_TASK_DEFINITION, task_definition)},
    }
    application = configuration["ApplicationName"]
    codedeploy.register_application_revision(applicationName=application, revision=revision)
    made = codedeploy.create_deployment(
        applicationName=application,
        deploymentGroupName=configuration["DeploymentGroupName"],
        revision=revision,
        description=f"Started by the pipeline {invocation.pipeline}",
    )
    deployment: str = made["deploymentId"]
    return deployment


def _follow(codedeploy: Any, invocation: Invocation, deployment: str) -> None:
    deadline = invocation.started + _LONGEST_SECONDS
    while clock.now() < deadline:
        found = codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
        if found["status"] == "Succeeded":
            return
        if found["status"] in ("Failed", "Stopped"):
            error = found.get("errorInformation") or {}
            raise ActionError(
                f"Deployment {deployment} {found['status'].lower()}: "
                f"{error.get('code', '')}: {error.get('message', '')}"
            )
        if invocation.stop.wait(_POLL_SECONDS):
            codedeploy.stop_deployment(deploymentId=deployment)
            raise ActionAbandoned
    raise ActionError(f"Deployment {deployment} has not ended within 5 days", "TimedOut")


def _invalid(message: str) -> ActionError:
    return ActionError(f"Invalid action configuration: {message}", _WRONG)
