"""One service that CodeDeploy deploys, with what can be seen of its deployments."""

from typing import Any

from tests.local.emulator.driver import eventually
from tests.local.shops.shifting import SECONDS, ShiftingShop


class Blue(ShiftingShop):
    """A service with its pipeline, and its deployments."""

    def sets(self) -> list[dict[str, Any]]:
        """The service's task sets, the primary one first."""
        found: list[dict[str, Any]] = self.service()["taskSets"]
        return sorted(found, key=lambda each: each["status"] != "PRIMARY")

    def images_of_sets(self) -> list[str]:
        """The image of each task set, the primary one's first."""
        ecs = self.client("ecs")
        return [
            ecs.describe_task_definition(taskDefinition=each["taskDefinition"])["taskDefinition"][
                "containerDefinitions"
            ][0]["image"]
            for each in self.sets()
        ]

    def runs_only(self, image: str) -> None:
        """Check that the service runs an image, in all of its tasks, and gets its traffic."""
        (task_set,) = self.sets()
        assert (task_set["status"], task_set["stabilityStatus"]) == ("PRIMARY", "STEADY_STATE")
        assert self.images_of_sets() == [image]
        (task,) = self.tasks()
        assert task["startedBy"] == task_set["id"]
        assert {container["image"] for container in task["containers"]} == {image}
        assert self.live() == task_set["loadBalancers"][0]["targetGroupArn"]
        assert self.healthy(self.live()) == 1

    def shifted(self) -> int:
        """How much of the production traffic goes to the task set that is not primary."""
        weights = self.weights()
        primary = self.sets()[0]["loadBalancers"][0]["targetGroupArn"]
        return sum(weight for group, weight in weights.items() if group != primary)

    def deployment(self, execution: str) -> str:
        """Wait until the deploy action of an execution has a deployment."""

        def found() -> str | None:
            for run in self.runs(execution, "Deploy"):
                result = run.get("output", {}).get("executionResult", {})
                if external := result.get("externalExecutionId"):
                    return str(external)
            return None

        return str(eventually(found, SECONDS))

    def info(self, deployment: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("codedeploy").get_deployment(deploymentId=deployment)[
            "deploymentInfo"
        ]
        return found

    def becomes(self, deployment: str, status: str) -> dict[str, Any]:
        """Wait until a deployment has a state."""

        def look() -> dict[str, Any] | None:
            info = self.info(deployment)
            return info if info["status"] == status else None

        found: dict[str, Any] = eventually(look, SECONDS)
        return found

    def went_back(self, deployment: str) -> dict[str, Any]:
        """Wait until a deployment has gone back; what it says of its failure."""
        info = self.info(deployment)
        self.becomes(info["rollbackInfo"]["rollbackDeploymentId"], "Succeeded")
        eventually(lambda: len(self.sets()) == 1, SECONDS)
        error: dict[str, Any] = info["errorInformation"]
        return error

    def rule(self, *, test: bool) -> dict[str, Any]:
        stages = self.client("codepipeline").get_pipeline(name=self.name)["pipeline"]["stages"]
        configuration = stages[-1]["actions"][0]["configuration"]
        group = self.client("codedeploy").get_deployment_group(
            applicationName=configuration["ApplicationName"],
            deploymentGroupName=configuration["DeploymentGroupName"],
        )["deploymentGroupInfo"]
        (pair,) = group["loadBalancerInfo"]["targetGroupPairInfoList"]
        route = pair["testTrafficRoute" if test else "prodTrafficRoute"]
        (listener,) = route["listenerArns"]
        (rule,) = (
            each
            for each in self.client("elbv2").describe_rules(ListenerArn=listener)["Rules"]
            if f"/{self.name}/*" in str(each["Conditions"])
        )
        found: dict[str, Any] = rule
        return found
