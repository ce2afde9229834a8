"""One service that ECS shifts the traffic of, with what can be seen of its deployments."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from local.cloud import Cloud
from local.traffic import weights_of
from tests.local.ecs_shifts.shops import CLUSTER
from tests.local.emulator.driver import eventually
from tests.local.releases.shop import Shop

_SECONDS = 120.0
_SAMPLE_SECONDS = 0.1


class Shifted(Shop):
    """A service with its pipeline, and its deployments."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        super().__init__(cloud, name, CLUSTER)

    def weights(self, rule: str = "productionListenerRule") -> dict[str, int]:
        """The target groups of one of the service's rules with their weights."""
        (balancer,) = self.service()["loadBalancers"]
        (found,) = self.client("elbv2").describe_rules(
            RuleArns=[balancer["advancedConfiguration"][rule]]
        )["Rules"]
        return weights_of(found)

    def live(self) -> str:
        """The group that all production traffic goes to."""
        (group,) = (group for group, weight in self.weights().items() if weight)
        return group

    def healthy(self, group: str) -> int:
        """How many healthy targets a target group has."""
        reported = self.client("elbv2").describe_target_health(TargetGroupArn=group)
        states = [each["TargetHealth"]["State"] for each in reported["TargetHealthDescriptions"]]
        return states.count("healthy")

    def newest(self) -> dict[str, Any]:
        """The newest service deployment."""
        ecs = self.client("ecs")
        listed = ecs.list_service_deployments(cluster=self.cluster, service=self.name)
        arn = listed["serviceDeployments"][0]["serviceDeploymentArn"]
        (found,) = ecs.describe_service_deployments(serviceDeploymentArns=[arn])[
            "serviceDeployments"
        ]
        deployment: dict[str, Any] = found
        return deployment

    def shifts(self, percent: int) -> None:
        """Wait until so much traffic goes to the new tasks."""
        live = self.live()
        eventually(lambda: self.weights()[live] == 100 - percent, _SECONDS)

    def waiting_hook(self) -> dict[str, str]:
        """Wait until a deployment stands at a pause; what answers it."""

        def look() -> dict[str, str] | None:
            newest = self.newest()
            for detail in newest.get("lifecycleHookDetails", []):
                if detail["status"] == "AWAITING_ACTION":
                    return {
                        "serviceDeploymentArn": newest["serviceDeploymentArn"],
                        "hookId": detail["hookId"],
                    }
            return None

        return dict(eventually(look, _SECONDS))

    def went_back(self) -> str:
        """Wait until the newest deployment has gone back; its reason."""
        eventually(lambda: self.newest()["status"] == "ROLLBACK_SUCCESSFUL", _SECONDS)
        reason: str = self.newest()["rollback"]["reason"]
        return reason

    @contextlib.contextmanager
    def never_empty(self) -> Iterator[list[dict[str, int]]]:
        """Check that no traffic goes to a group without a healthy target, until the end.

        Yields the weights that were seen, each once in a row.
        """
        seen: list[dict[str, int]] = []
        empty: list[str] = []
        done = threading.Event()

        def sample() -> None:
            while not done.wait(_SAMPLE_SECONDS):
                weights = self.weights()
                if not seen or seen[-1] != weights:
                    seen.append(weights)
                for group, weight in weights.items():
                    # Asked once more: the traffic may have moved between the two questions.
                    if weight and not self.healthy(group) and self.weights()[group]:
                        empty.append(group)

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield seen
        finally:
            done.set()
            thread.join()
        assert seen
        assert not empty
