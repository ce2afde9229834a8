"""One service that ECS shifts the traffic of, with what can be seen of its deployments."""

from typing import Any

from tests.local.emulator.driver import eventually
from tests.local.shops.shifting import SECONDS, ShiftingShop


class Shifted(ShiftingShop):
    """A service with its pipeline, and its deployments."""

    def rule(self, *, test: bool) -> dict[str, Any]:
        (balancer,) = self.service()["loadBalancers"]
        name = "testListenerRule" if test else "productionListenerRule"
        arn = balancer["advancedConfiguration"][name]
        (found,) = self.client("elbv2").describe_rules(RuleArns=[arn])["Rules"]
        rule: dict[str, Any] = found
        return rule

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
        eventually(lambda: self.weights()[live] == 100 - percent, SECONDS)

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

        return dict(eventually(look, SECONDS))

    def went_back(self) -> str:
        """Wait until the newest deployment has gone back; its reason."""
        eventually(lambda: self.newest()["status"] == "ROLLBACK_SUCCESSFUL", SECONDS)
        reason: str = self.newest()["rollback"]["reason"]
        return reason
