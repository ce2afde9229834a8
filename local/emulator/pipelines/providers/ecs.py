"""The ECS action: the service's current task definition with new images."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.archives import ArchiveError, read
from local.emulator.pipelines.action import (
    ActionAbandoned,
    ActionError,
    Invocation,
    Outcome,
    Provider,
)
from local.emulator.pipelines.clock import clock

_POLL_SECONDS = 0.25
_MOST_BYTES = 100 * 1024
_DEFAULT_FILE = "imagedefinitions.json"
_DEFAULT_MINUTES = 60
_WRONG = "ConfigurationError"


def ecs_provider() -> Provider:
    """Return the provider."""

    def run(invocation: Invocation) -> Outcome:
        images = _image_definitions(invocation)
        ecs = invocation.clients("ecs")
        service = _service(ecs, invocation.configuration)
        revision = _register(ecs, service["taskDefinition"], images)
        updated = ecs.update_service(
            cluster=service["clusterArn"], service=service["serviceName"], taskDefinition=revision
        )["service"]
        deployment = next(
            each["id"] for each in updated["deployments"] if each["status"] == "PRIMARY"
        )
        invocation.report(externalExecutionId=deployment)
        _wait_until_stable(ecs, invocation, deployment, revision)
        return Outcome(
            variables={
                "ClusterName": invocation.configuration["ClusterName"],
                "ServiceName": invocation.configuration["ServiceName"],
            }
        )

    return Provider(
        run=run,
        required=("ClusterName", "ServiceName"),
        optional=("FileName", "DeploymentTimeout"),
        inputs=(1, 1),
        outputs=(0, 0),
    )


def _image_definitions(invocation: Invocation) -> dict[str, str]:
    """Return container name -> image from the input artifact."""
    name = invocation.configuration.get("FileName", _DEFAULT_FILE)
    (place,) = invocation.inputs.values()
    where = f"bucket: {place.bucket} key: {place.key}"
    packed = invocation.artifacts.get(place)
    if packed is None:
        raise ActionError(
            f"The input artifact does not exist in the artifact store: {where}", _WRONG
        )
    try:
        content = read(packed, name)
    except ArchiveError as error:
        raise ActionError(
            f"The input artifact cannot be read ({where}): {error}", _WRONG
        ) from error
    if content is None:
        raise ActionError(
            f"Did not find the image definition file {name} in the input artifacts ZIP file. "
            f"Verify the file is stored in your pipeline's Amazon S3 artifact {where}",
            _WRONG,
        )
    if len(content) > _MOST_BYTES:
        raise ActionError(
            f"The image definition file {name} has {len(content)} bytes; the limit is 100 KB",
            _WRONG,
        )
    try:
        entries = json.loads(content)
    except ValueError as error:
        raise ActionError(
            f"The image definition file {name} contains invalid JSON format: {error}", _WRONG
        ) from error
    if not isinstance(entries, list) or not entries:
        raise ActionError(
            f"The image definition file {name} must be a list of name and imageUri, "
            f"but is {_kind(entries)}",
            _WRONG,
        )
    for entry in entries:
        for key in ("name", "imageUri"):
            if not isinstance(entry, dict) or not isinstance(entry.get(key), str) or not entry[key]:
                raise ActionError(
                    f"The image definition file {name} has an entry without the text '{key}'",
                    _WRONG,
                )
    return {entry["name"]: entry["imageUri"] for entry in entries}


def _kind(value: object) -> str:
    return "empty" if value in ([], {}, None) else f"of type {type(value).__name__}"


def _service(ecs: Any, configuration: Mapping[str, str]) -> dict[str, Any]:
    cluster, name = configuration["ClusterName"], configuration["ServiceName"]
    try:
        found = ecs.describe_services(cluster=cluster, services=[name])["services"]
    except ClientError as error:
        raise ActionError(f"The AWS ECS cluster {cluster}: {error}", _WRONG) from error
    active: list[dict[str, Any]] = [each for each in found if each["status"] == "ACTIVE"]
    if not active:
        raise ActionError(
            f"The AWS ECS service {name} does not exist in the cluster {cluster}", _WRONG
        )
    return active[0]


def _register(ecs: Any, current: str, images: Mapping[str, str]) -> str:
    described = ecs.describe_task_definition(taskDefinition=current, include=["TAGS"])
    definition = described["taskDefinition"]
    containers = {each["name"] for each in definition["containerDefinitions"]}
    for name in images:
        if name not in containers:
            raise ActionError(f"The AWS ECS container {name} does not exist", _WRONG)
    shape = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape
    kept = {key: value for key, value in definition.items() if key in shape.members and value}
    kept["containerDefinitions"] = [
        {**each, "image": images.get(each["name"], each["image"])}
        for each in definition["containerDefinitions"]
    ]
    if described.get("tags"):
        # Tags with this prefix belong to CloudFormation and cannot be given.
        own = [tag for tag in described["tags"] if not tag["key"].startswith("aws:")]
        kept |= {"tags": own} if own else {}
    registered = ecs.register_task_definition(**kept)["taskDefinition"]
    arn: str = registered["taskDefinitionArn"]
    return arn


def _wait_until_stable(ecs: Any, invocation: Invocation, deployment_id: str, revision: str) -> None:
    minutes = int(invocation.configuration.get("DeploymentTimeout", _DEFAULT_MINUTES))
    deadline = clock.now() + 60 * minutes
    while clock.now() < deadline:
        service = _service(ecs, invocation.configuration)
        deployments = {each["id"]: each for each in service["deployments"]}
        deployment = deployments.pop(deployment_id, None)
        others = deployments.values()
        if deployment is None or deployment["rolloutState"] == "FAILED":
            reason = deployment["rolloutStateReason"] if deployment else "it was replaced"
            raise ActionError(f"The deployment {deployment_id} of {revision} failed: {reason}")
        if (
            deployment["status"] == "PRIMARY"
            and deployment["rolloutState"] == "COMPLETED"
            and not any(each["runningCount"] for each in others)
            and service["runningCount"] == service["desiredCount"]
        ):
            return
        if deployment["status"] != "PRIMARY":
            raise ActionError(
                f"The deployment {deployment_id} of {revision} was replaced by another"
            )
        if invocation.stop.wait(_POLL_SECONDS):
            raise ActionAbandoned
    raise ActionError(
        f"The service {service['serviceName']} did not reach a steady state within {minutes} "
        f"minutes: {service['events'][0]['message'] if service['events'] else 'no event'}",
        "TimedOut",
    )
