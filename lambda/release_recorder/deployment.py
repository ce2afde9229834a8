"""What ECS says of a release: live, under way, failed, or replaced by another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from release_recorder import history, tasks
from release_recorder.image import is_image

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_ecs.type_defs import DeploymentTypeDef, TaskSetTypeDef

    from release_recorder.release import Release


@dataclass(frozen=True, slots=True)
class Live:
    """An image that all tasks of the service run."""

    image: str
    task_definition: str


@dataclass(frozen=True, slots=True)
class Underway:
    """Nothing is decided yet.

    Parameters
    ----------
    waiting_for
        What would decide it.
    deployment
        The deployment that is under way, if it is known.
    """

    waiting_for: str
    deployment: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The release did not become live, and will not.

    Parameters
    ----------
    reason
        Why, in the words of ECS.
    task_definition
        The revision that failed.
    running
        The image that the service runs, or goes back to, if it is another.
    """

    reason: str
    task_definition: str | None = None
    running: str | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another image took the service.

    Parameters
    ----------
    reason
        What ECS says of it.
    live
        What is live, or None where the other deployment failed as well.
    was_live
        Whether ECS knows that the release was through before.
    """

    reason: str
    live: Live | None
    was_live: bool


Outcome = Live | Underway | Failed | Replaced


def examine(ecs: ECSClient, release: Release) -> Outcome:
    """Decide what became of a release.

    For ECS's own controller, whether rolling or blue/green, the service deployment that brought the
    image decides, also after it was rolled back. Once it has succeeded, or where ECS lists none,
    the primary deployment does. For CodeDeploy and other controllers it is the primary task set.
    In each case the running tasks have the last word.

    Parameters
    ----------
    ecs
        A client that may look at the service.
    release
        The release.

    Returns
    -------
    Outcome
        What became of it.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
    """
    answer = ecs.describe_services(cluster=release.cluster, services=[release.service])
    service = next(iter(answer["services"]), None)
    if service is None or service.get("status") != "ACTIVE":
        return Failed(f"the cluster {release.cluster} has no service {release.service}")
    look = _Look(ecs, release)
    if service.get("deploymentController", {}).get("type", "ECS") == "ECS":
        return look.at_deployments(service.get("deployments", []))
    return look.at_task_sets(service.get("taskSets", []))


class _Look:
    """One look at a service; what it has asked for once it does not ask for again."""

    def __init__(self, ecs: ECSClient, release: Release) -> None:
        self._ecs = ecs
        self._release = release
        self._images: dict[str, str] = {}
        self._attempt: history.Attempt | None = None

    def at_deployments(self, deployments: list[DeploymentTypeDef]) -> Outcome:
        self._attempt = attempt = history.newest_attempt(self._ecs, self._release)
        primary = next((d for d in deployments if d.get("status") == "PRIMARY"), None)
        if primary is None:
            return Underway("a primary deployment of the service")
        definition = primary["taskDefinition"]
        ours = self._is_ours(definition)
        other_image = None if ours else self._image(definition)
        if attempt is not None and attempt.has_failed:
            return Failed(history.why(self._ecs, attempt), attempt.task_definition, other_image)
        succeeded = attempt is not None and attempt.has_succeeded
        broken = None if succeeded else self._broken([primary] if ours else deployments)
        if broken is not None:
            reason = broken.get("rolloutStateReason") or "the deployment failed"
            return Failed(reason, broken["taskDefinition"], other_image)
        if attempt is not None and not succeeded:
            return Underway(history.progress(self._ecs, attempt), attempt.arn)
        reason = primary.get("rolloutStateReason") or "another deployment is the primary one"
        match _rollout(primary, deployments):
            case "COMPLETED":
                return self._at_tasks(definition, primary["desiredCount"], reason)
            case "FAILED":
                return Replaced(reason, None, was_live=succeeded)
        return Underway(f"the deployment {primary['id']} to complete", primary["id"])

    def at_task_sets(self, task_sets: list[TaskSetTypeDef]) -> Outcome:
        primary = next((t for t in task_sets if t.get("status") == "PRIMARY"), None)
        if primary is None:
            return Underway("a primary task set of the service")
        definition = primary["taskDefinition"]
        if not self._is_ours(definition):
            for other in task_sets:
                if self._is_ours(other["taskDefinition"]):
                    return Underway(f"the traffic to go to the task set {other['id']}", other["id"])
        elif primary.get("stabilityStatus") != "STEADY_STATE":
            return Underway(f"the task set {primary['id']} to be steady", primary["id"])
        return self._at_tasks(
            definition, primary["computedDesiredCount"], "the primary task set has another image"
        )

    def _at_tasks(self, definition: str, desired: int, otherwise: str) -> Outcome:
        """Compare what runs with what should: every task of the revision, and as many as wanted."""
        ours = self._is_ours(definition)
        image = self._release.image if ours else self._image(definition)
        running = tasks.running(self._ecs, self._release, definition)
        for task in running:
            for container in task.get("containers", []):
                reference, resolved = container.get("image", ""), container.get("imageDigest")
                other = ours and not is_image(image, reference, resolved)
                if container.get("name") == self._release.container and other:
                    return Failed(
                        f"the task {task['taskArn']} runs {reference} with the digest "
                        f"{resolved or 'unknown'}",
                        definition,
                    )
        if len(running) != desired:
            return Underway(f"{desired} running tasks of {definition}, now {len(running)}")
        live = Live(image, definition)
        if ours:
            return live
        was_live = self._attempt is not None and self._attempt.has_succeeded
        return Replaced(otherwise, live, was_live)

    def _broken(self, deployments: list[DeploymentTypeDef]) -> DeploymentTypeDef | None:
        """Find a roll-out of the image that the circuit breaker ended without rolling back.

        Which state its service deployment then has is not documented.
        """
        for deployment in deployments:
            failed = deployment.get("rolloutState") == "FAILED"
            if failed and self._is_ours(deployment["taskDefinition"]):
                return deployment
        return None

    def _is_ours(self, definition: str) -> bool:
        if self._attempt is not None and self._attempt.task_definition == definition:
            return True
        return is_image(self._release.image, self._image(definition), None)

    def _image(self, definition: str) -> str:
        if definition not in self._images:
            container = tasks.container_definition(self._ecs, definition, self._release.container)
            self._images[definition] = container["image"]
        return self._images[definition]


def _rollout(primary: DeploymentTypeDef, deployments: list[DeploymentTypeDef]) -> str:
    """Return the state of a roll-out, also behind a Classic Load Balancer, where ECS does not."""
    steady = len(deployments) == 1 and primary.get("runningCount") == primary.get("desiredCount")
    return primary.get("rolloutState") or ("COMPLETED" if steady else "IN_PROGRESS")
