"""One service that CodeDeploy deploys, with what can be seen of its deployments."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from local.cloud import Cloud
from local.traffic import weights_of
from tests.local.code_deploy.blues import CLUSTER
from tests.local.emulator.driver import eventually
from tests.local.releases.shop import Shop

_SECONDS = 120.0
_SAMPLE_SECONDS = 0.1


class Blue(Shop):
    """A service with its pipeline, and its deployments."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        super().__init__(cloud, name, CLUSTER)

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
        live = [group for group, weight in self.weights().items() if weight]
        assert live == [task_set["loadBalancers"][0]["targetGroupArn"]]
        assert self.healthy(live[0]) == 1

    def weights(self, route: str = "prodTrafficRoute") -> dict[str, int]:
        """The target groups of the service's rule with their weights."""
        return weights_of(self._rule(route))

    def shifted(self) -> int:
        """How much of the production traffic goes to the task set that is not primary."""
        weights = self.weights()
        primary = self.sets()[0]["loadBalancers"][0]["targetGroupArn"]
        return sum(weight for group, weight in weights.items() if group != primary)

    def healthy(self, group: str) -> int:
        """How many healthy targets a target group has."""
        reported = self.client("elbv2").describe_target_health(TargetGroupArn=group)
        states = [each["TargetHealth"]["State"] for each in reported["TargetHealthDescriptions"]]
        return states.count("healthy")

    def deployment(self, execution: str) -> str:
        """Wait until the deploy action of an execution has a deployment."""

        def found() -> str | None:
            for run in self.runs(execution, "Deploy"):
                result = run.get("output", {}).get("executionResult", {})
                if external := result.get("externalExecutionId"):
                    return str(external)
            return None

        return str(eventually(found, _SECONDS))

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

        found: dict[str, Any] = eventually(look, _SECONDS)
        return found

    def went_back(self, deployment: str) -> dict[str, Any]:
        """Wait until a deployment has gone back; what it says of its failure."""
        info = self.info(deployment)
        self.becomes(info["rollbackInfo"]["rollbackDeploymentId"], "Succeeded")
        eventually(lambda: len(self.sets()) == 1, _SECONDS)
        error: dict[str, Any] = info["errorInformation"]
        return error

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
                without = [g for g, weight in weights.items() if weight and not self.healthy(g)]
                # The traffic may have moved between the two looks.
                if without and self.weights() == weights:
                    empty.extend(without)

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield seen
        finally:
            done.set()
            thread.join()
        assert seen
        assert not empty

    def _rule(self, route: str) -> dict[str, Any]:
        stages = self.client("codepipeline").get_pipeline(name=self.name)["pipeline"]["stages"]
        configuration = stages[-1]["actions"][0]["configuration"]
        group = self.client("codedeploy").get_deployment_group(
            applicationName=configuration["ApplicationName"],
            deploymentGroupName=configuration["DeploymentGroupName"],
        )["deploymentGroupInfo"]
        (pair,) = group["loadBalancerInfo"]["targetGroupPairInfoList"]
        (listener,) = pair[route]["listenerArns"]
        (rule,) = (
            each
            for each in self.client("elbv2").describe_rules(ListenerArn=listener)["Rules"]
            if f"/{self.name}/*" in str(each["Conditions"])
        )
        found: dict[str, Any] = rule
        return found
