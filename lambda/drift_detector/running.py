"""What a service runs, and whether it has settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drift_detector.watched import InputError

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.type_defs import DeploymentTypeDef, TaskSetTypeDef

    from drift_detector.watched import Watched


@dataclass(frozen=True, slots=True)
class Running:
    """What new tasks of a service start with.

    Parameters
    ----------
    image
        The image, as the task definition names it.
    unsettled
        What is in progress, so that it may change; None if nothing is.
    """

    image: str
    unsettled: str | None


@dataclass(frozen=True, slots=True)
class Absent:
    """There is nothing to compare.

    Parameters
    ----------
    reason
        What is missing.
    """

    reason: str


def running_image(ecs: ECSClient, watched: Watched) -> Running | Absent:
    """Say which image a service runs.

    Of ECS's own controller the primary deployment decides, of others the primary task set: what new
    tasks start with, also of a service without any.

    Parameters
    ----------
    ecs
        A client that may describe the service and task definitions.
    watched
        The service.

    Returns
    -------
    Running or Absent
        The image, or what is missing.

    Raises
    ------
    InputError
        If the task definition has no such container.
    """
    try:
        answer = ecs.describe_services(cluster=watched.cluster, services=[watched.service])
    except ecs.exceptions.ClusterNotFoundException:
        return Absent(f"there is no cluster {watched.cluster}")
    service = next(iter(answer["services"]), None)
    if service is None or service.get("status") != "ACTIVE":
        return Absent(f"the cluster {watched.cluster} has no service {watched.service}")
    if service.get("deploymentController", {}).get("type", "ECS") == "ECS":
        primary = _of_deployments(service.get("deployments", []))
    else:
        primary = _of_task_sets(service.get("taskSets", []))
    if primary is None:
        return Absent("the service has no primary deployment or task set")
    definition, unsettled = primary
    return Running(_image(ecs, definition, watched.container), unsettled)


def _of_deployments(deployments: list[DeploymentTypeDef]) -> tuple[str, str | None] | None:
    """Return the task definition that new tasks start with, and what is in progress."""
    for deployment in deployments:
        if deployment["status"] != "PRIMARY":
            continue
        # Behind a Classic Load Balancer there is no such state: the numbers have to do.
        state = deployment.get("rolloutState") or (
            "COMPLETED" if len(deployments) == 1 else "IN_PROGRESS"
        )
        going = f"the deployment {deployment['id']} is in progress"
        return deployment["taskDefinition"], going if state == "IN_PROGRESS" else None
    return None


def _of_task_sets(task_sets: list[TaskSetTypeDef]) -> tuple[str, str | None] | None:
    """Return the same of a service that CodeDeploy or somebody else deploys."""
    for task_set in task_sets:
        if task_set["status"] != "PRIMARY":
            continue
        steady = len(task_sets) == 1 and task_set.get("stabilityStatus") == "STEADY_STATE"
        going = f"the service has {len(task_sets)} task sets, or one that is not steady"
        return task_set["taskDefinition"], None if steady else going
    return None


def _image(ecs: ECSClient, definition: str, container: str) -> str:
    answer = ecs.describe_task_definition(taskDefinition=definition)
    for each in answer["taskDefinition"].get("containerDefinitions", []):
        if each.get("name") == container:
            return each["image"]
    raise InputError(
        f"'container' of the input must be one of {definition}, got '{container}'; give the "
        f"container that the pipeline deploys to"
    )
