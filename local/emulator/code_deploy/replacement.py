"""The two task sets of a deployment: the original one, and the one that replaces it."""

from collections.abc import Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from local.emulator.clients import Clients
from local.emulator.code_deploy.app_spec import AppSpec

_INHERITED: Final = (
    "networkConfiguration",
    "platformVersion",
    "serviceRegistries",
)


class ReplacementError(Exception):
    """The service cannot be deployed to; the message says why."""


class Replacement:
    """The task sets of one service while it is deployed.

    Parameters
    ----------
    clients
        Clients of the emulator.
    cluster, service
        The service.
    names
        Names of the pair of target groups.

    Attributes
    ----------
    pair
        ARNs of the two target groups: the original task set's, and the other one.

    Raises
    ------
    ReplacementError
        The service has no primary task set in a group of the pair.
    """

    def __init__(self, clients: Clients, cluster: str, service: str, names: Sequence[str]) -> None:
        self._ecs = clients("ecs")
        self._where = {"cluster": cluster, "service": service}
        self._green: str | None = None
        try:
            groups = clients("elbv2").describe_target_groups(Names=list(names))["TargetGroups"]
            found = self._ecs.describe_services(cluster=cluster, services=[service])["services"]
        except ClientError as error:
            raise ReplacementError(str(error)) from error
        if not found or found[0]["status"] != "ACTIVE":
            raise ReplacementError(
                f"The ECS service {service} does not exist in the cluster {cluster}."
            )
        self._names = {each["TargetGroupArn"]: each["TargetGroupName"] for each in groups}
        sets = found[0].get("taskSets") or ()
        primary = next((each for each in sets if each["status"] == "PRIMARY"), None)
        if primary is None:
            raise ReplacementError(
                f"The ECS service {service} has no primary task set: its deployment controller "
                "must be CODE_DEPLOY."
            )
        self._original: dict[str, Any] = primary
        self.original_group = str((primary.get("loadBalancers") or [{}])[0].get("targetGroupArn"))
        others = [arn for arn in self._names if arn != self.original_group]
        if len(others) != 1:
            raise ReplacementError(
                "The primary task set must be in one of the target groups "
                f"{' and '.join(names)}, and is in {self.original_group}."
            )
        self.pair = (self.original_group, others[0])

    @property
    def has_started(self) -> bool:
        """Whether there is a replacement task set."""
        return self._green is not None

    def weights(self, percent: int) -> dict[str, int]:
        """Return the weights of the target groups when the replacement gets so much traffic."""
        original, other = self.pair
        return {original: 100 - percent, other: percent}

    def has_leftovers(self) -> bool:
        """Return whether there are task sets of deployments that ended without going back."""
        return bool(self._leftovers())

    def remove_leftovers(self) -> None:
        """Remove them; no traffic may go to them any more."""
        for task_set in self._leftovers():
            self._delete(task_set)

    def start(self, spec: AppSpec, deployment_id: str) -> None:
        """Create the replacement task set."""
        original = self._original
        settings = {
            **{key: original[key] for key in _INHERITED if original.get(key)},
            **spec.settings,
        }
        if "capacityProviderStrategy" not in settings:
            if original.get("capacityProviderStrategy"):
                settings["capacityProviderStrategy"] = original["capacityProviderStrategy"]
            elif original.get("launchType"):
                settings["launchType"] = original["launchType"]
        made = self._ecs.create_task_set(
            **self._where,
            externalId=deployment_id,
            taskDefinition=spec.task_definition,
            loadBalancers=[
                {
                    "targetGroupArn": self.pair[1],
                    "containerName": spec.container_name,
                    "containerPort": spec.container_port,
                }
            ],
            scale={"value": 100.0, "unit": "PERCENT"},
            **settings,
        )
        self._green = str(made["taskSet"]["id"])

    def is_healthy(self) -> bool:
        """Return whether the replacement task set is steady: then its targets are healthy."""
        for each in self._sets():
            if each["id"] == self._green:
                return bool(each["stabilityStatus"] == "STEADY_STATE")
        raise ReplacementError(f"The task set {self._green} is gone.")

    def make_primary(self) -> None:
        """Make the replacement task set the service's primary one."""
        self._ecs.update_service_primary_task_set(**self._where, primaryTaskSet=self._green)

    def end_original(self) -> None:
        """Remove the original task set."""
        self._delete(self._original["id"])

    def undo(self) -> None:
        """Make the original task set the primary one again, and remove the other."""
        self._ecs.update_service_primary_task_set(
            **self._where, primaryTaskSet=self._original["id"]
        )
        self._delete(str(self._green))

    def shown(self, percent: int) -> list[dict[str, Any]]:
        """Return both task sets as a deployment's target shows them."""
        weights = self.weights(percent)
        labels = {self._original["id"]: "Blue", self._green: "Green"}
        shown = []
        for each in self._sets():
            if each["id"] not in labels:
                continue
            group = each["loadBalancers"][0]["targetGroupArn"]
            shown.append(
                {
                    "identifer": each["id"],  # spelled as in AWS's API
                    "desiredCount": each["computedDesiredCount"],
                    "pendingCount": each["pendingCount"],
                    "runningCount": each["runningCount"],
                    "status": each["status"],
                    "trafficWeight": float(weights[group]),
                    "targetGroup": {"name": self._names[group]},
                    "taskSetLabel": labels[each["id"]],
                }
            )
        return shown

    def _leftovers(self) -> list[str]:
        return [each["id"] for each in self._sets() if each["status"] == "ACTIVE"]

    def _sets(self) -> list[dict[str, Any]]:
        # CodeDeploy's role may describe services, and not task sets.
        (service,) = self._ecs.describe_services(
            cluster=self._where["cluster"], services=[self._where["service"]]
        )["services"]
        found: list[dict[str, Any]] = service.get("taskSets", [])
        return found

    def _delete(self, task_set: str) -> None:
        self._ecs.delete_task_set(**self._where, taskSet=task_set, force=True)
