"""What a service runs, once it has settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drift_detector.watched import InputError

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.type_defs import ServiceTypeDef

    from drift_detector.watched import Watched


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Nothing can be said at the moment.

    Parameters
    ----------
    reason
        What is under way.
    """

    reason: str


def running_image(ecs: ECSClient, watched: Watched) -> str | Unsettled:
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
    str or Unsettled
        The image as its task definition names it, or what is waited for.

    Raises
    ------
    InputError
        If the task definition has no such container.
    """
    try:
        answer = ecs.describe_services(cluster=watched.cluster, services=[watched.service])
    except ecs.exceptions.ClusterNotFoundException:
        return Unsettled(f"there is no cluster {watched.cluster}")
    service = next(iter(answer["services"]), None)
    if service is None or service.get("status") != "ACTIVE":
        return Unsettled(f"the cluster {watched.cluster} has no service {watched.service}")
    primary = _primary(service)
    if isinstance(primary, Unsettled):
        return primary
    return _image(ecs, primary, watched.container)


def _primary(service: ServiceTypeDef) -> str | Unsettled:
    """Return the task definition that new tasks start with."""
    if service.get("deploymentController", {}).get("type", "ECS") == "ECS":
        for deployment in service.get("deployments", []):
            if deployment["status"] != "PRIMARY":
                continue
            # Behind a Classic Load Balancer there is no such state: the numbers have to do.
            state = deployment.get("rolloutState") or (
                "COMPLETED" if len(service["deployments"]) == 1 else "IN_PROGRESS"
            )
            if state == "IN_PROGRESS":
                return Unsettled(f"the deployment {deployment['id']} is in progress")
            return deployment["taskDefinition"]
        return Unsettled("the service has no primary deployment")
    task_sets = service.get("taskSets", [])
    if len(task_sets) != 1 or task_sets[0].get("stabilityStatus") != "STEADY_STATE":
        return Unsettled(f"the service has {len(task_sets)} task sets, or one that is not steady")
    return task_sets[0]["taskDefinition"]


def _image(ecs: ECSClient, definition: str, container: str) -> str:
    answer = ecs.describe_task_definition(taskDefinition=definition)
    for each in answer["taskDefinition"].get("containerDefinitions", []):
        if each.get("name") == container:
            return each["image"]
    raise InputError(
        f"'container' of the input must be one of {definition}, got '{container}'; give the "
        f"container that the pipeline deploys to"
    )
