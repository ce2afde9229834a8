"""The tasks of a service, and what their revision says of the container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from release_recorder.image import is_image
from release_recorder.release import ParameterError, Release

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef, TaskTypeDef

_MOST_A_CALL: Final = 100


def container_definition(
    ecs: ECSClient, task_definition: str, container: str
) -> ContainerDefinitionOutputTypeDef:
    """Get the definition of the container that gets the image.

    Parameters
    ----------
    ecs
        A client that may read task definitions.
    task_definition
        The revision.
    container
        The container's name.

    Returns
    -------
    ContainerDefinitionOutputTypeDef
        The definition. It holds the container's environment: take out what is needed.

    Raises
    ------
    ParameterError
        If the revision has no such container.
    """
    answer = ecs.describe_task_definition(taskDefinition=task_definition)
    for definition in answer["taskDefinition"].get("containerDefinitions", []):
        if definition.get("name") == container:
            return definition
    raise ParameterError(
        f"'container' in UserParameters must be one of {task_definition}, got '{container}'; give "
        f"the container that the pipeline deploys to"
    )


def running(ecs: ECSClient, release: Release, task_definition: str) -> list[TaskTypeDef]:
    """Get the running tasks of a revision."""
    return [
        task
        for task in _tasks(ecs, release, "RUNNING")
        if task.get("taskDefinitionArn") == task_definition and task.get("lastStatus") == "RUNNING"
    ]


def stopped(ecs: ECSClient, release: Release) -> list[TaskTypeDef]:
    """Get the tasks with the image that have stopped; ECS remembers them for an hour."""
    return [
        task
        for task in _tasks(ecs, release, "STOPPED")
        for container in task.get("containers", [])
        if container.get("name") == release.container
        and is_image(release.image, container.get("image", ""), container.get("imageDigest"))
    ]


def _tasks(
    ecs: ECSClient, release: Release, desired_status: Literal["RUNNING", "STOPPED"]
) -> list[TaskTypeDef]:
    found: list[TaskTypeDef] = []
    pages = ecs.get_paginator("list_tasks").paginate(
        cluster=release.cluster,
        serviceName=release.service,
        desiredStatus=desired_status,
        PaginationConfig={"PageSize": _MOST_A_CALL},
    )
    for page in pages:
        if page["taskArns"]:
            answer = ecs.describe_tasks(cluster=release.cluster, tasks=page["taskArns"])
            found += answer["tasks"]
    return found
