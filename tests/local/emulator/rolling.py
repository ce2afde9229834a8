"""A service with rolling deployments in a local cloud without a container engine."""

import json
from typing import Any

from tests.local.emulator.driver import ACCOUNT, QUEUE_POLICY, REGION, Emulator, eventually


class RollingService:
    """A service in a cluster of its own, and the events of ECS about it."""

    def __init__(self, emulator: Emulator, *, count: int = 2, **settings: Any) -> None:
        self.emulator, self.ecs = emulator, emulator.client("ecs")
        self.name = emulator.new_name("service")
        self.ecs.create_cluster(clusterName=self.name)
        self.url = emulator.client("sqs").create_queue(
            QueueName=self.name, Attributes={"Policy": QUEUE_POLICY}
        )["QueueUrl"]
        events = emulator.client("events")
        pattern = {"source": ["aws.ecs"]}
        events.put_rule(Name=self.name, EventPattern=json.dumps(pattern))
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"
        events.put_targets(Rule=self.name, Targets=[{"Id": "q", "Arn": arn}])
        self.received: list[dict[str, Any]] = []
        breaker = settings.pop("breaker", {"enable": True, "rollback": True})
        percent = settings.pop("percent", (100, 200))
        made = self.ecs.create_service(
            cluster=self.name,
            serviceName=self.name,
            taskDefinition=self.definition("good:1"),
            desiredCount=count,
            launchType="FARGATE",
            deploymentConfiguration={
                "deploymentCircuitBreaker": breaker,
                "minimumHealthyPercent": percent[0],
                "maximumPercent": percent[1],
            },
            **settings,
        )
        self.arn: str = made["service"]["serviceArn"]

    def definition(self, image: str) -> str:
        registered = self.ecs.register_task_definition(
            family=self.name,
            networkMode="awsvpc",
            containerDefinitions=[{"name": "app", "image": image, "memory": 64}],
        )
        return str(registered["taskDefinition"]["taskDefinitionArn"])

    def release(self, image: str, **change: Any) -> dict[str, Any]:
        answer = self.ecs.update_service(
            cluster=self.name, service=self.name, taskDefinition=self.definition(image), **change
        )
        found: dict[str, Any] = answer["service"]
        return found

    def shown(self) -> dict[str, Any]:
        (found,) = self.ecs.describe_services(cluster=self.name, services=[self.name])["services"]
        return dict(found)

    def deployments(self, **selected: Any) -> list[dict[str, Any]]:
        listed = self.ecs.list_service_deployments(
            cluster=self.name, service=self.name, **selected
        )["serviceDeployments"]
        arns = [each["serviceDeploymentArn"] for each in listed]
        described = self.ecs.describe_service_deployments(serviceDeploymentArns=arns)
        assert described["failures"] == []
        found: list[dict[str, Any]] = described["serviceDeployments"]
        return found

    def ended(self) -> dict[str, Any]:
        """Wait for the newest service deployment to end."""

        def look() -> dict[str, Any] | None:
            newest = self.deployments()[0]
            return None if newest["status"].endswith("IN_PROGRESS") else newest

        found: dict[str, Any] = eventually(look)
        return found

    def tasks(self, status: str = "RUNNING", **selected: str) -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(
            cluster=self.name, desiredStatus=status, **(selected or {"serviceName": self.name})
        )["taskArns"]
        if not arns:
            return []
        found: list[dict[str, Any]] = self.ecs.describe_tasks(cluster=self.name, tasks=arns)[
            "tasks"
        ]
        return found

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return what was sent so far of a detail type about this service, in order."""
        sqs = self.emulator.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                self.received.append(json.loads(message["Body"]))
        return [
            each
            for each in self.received
            if each["detail-type"] == kind
            and (each["resources"] == [self.arn] or f"/{self.name}/" in each["resources"][0])
        ]
