"""A service that CodeDeploy deploys, driven by its API."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.code_deploy_template import container, hook, template
from tests.local.emulator.driver import ACCOUNT, QUEUE_POLICY, REGION, Emulator, eventually

FINAL = {"Succeeded", "Failed", "Stopped"}
MINUTE = 3.0  # as long as one of AWS's takes here

LINEAR = {
    "Type": "TimeBasedLinear",
    "TimeBasedLinear": {"LinearPercentage": 40, "LinearInterval": 1},
}
CANARY = {
    "Type": "TimeBasedCanary",
    "TimeBasedCanary": {"CanaryPercentage": 10, "CanaryInterval": 5},
}


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


class Blue:
    """A service with its two target groups, listeners, application and deployment group.

    Parameters
    ----------
    emulator
        Where it is.
    routing
        TrafficRoutingConfig of a configuration of its own; none for AWS's all at once.
    approval, termination
        Minutes.
    rule
        Whether traffic goes by a rule, or by the listener's own action.
    hooks
        Name -> what the function does.
    group
        More properties of the deployment group.
    """

    def __init__(
        self,
        emulator: Emulator,
        *,
        routing: Mapping[str, Any] | None = None,
        approval: int | None = None,
        termination: int = 0,
        rule: bool = True,
        hooks: Mapping[str, str] | None = None,
        **group: Any,
    ) -> None:
        self.emulator = emulator
        self.api, self.ecs = emulator.client("codedeploy"), emulator.client("ecs")
        self.name = emulator.new_name("blue")
        self.template = template(self.name, routing, approval, termination, rule, group)
        self.template["Resources"] |= {name: hook(what) for name, what in (hooks or {}).items()}
        self.stack = emulator.deploy(self.template)
        resources = emulator.client("cloudformation").list_stack_resources(StackName=self.stack)
        self.ids = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in resources["StackResourceSummaries"]
        }
        self.where = {"cluster": self.name, "service": self.name}
        self.group = {
            "applicationName": self.ids["Application"],
            "deploymentGroupName": self.ids["Group"],
        }

    def definition(self, image: str = "good:2") -> str:
        registered = self.ecs.register_task_definition(
            family=self.name, networkMode="awsvpc", containerDefinitions=[container(image)]
        )
        return str(registered["taskDefinition"]["taskDefinitionArn"])

    def app_spec(self, definition: str, **hooks: str) -> str:
        document: dict[str, Any] = {
            "version": 0.0,
            "Resources": [
                {
                    "TargetService": {
                        "Type": "AWS::ECS::Service",
                        "Properties": {
                            "TaskDefinition": definition,
                            "LoadBalancerInfo": {"ContainerName": "app", "ContainerPort": 80},
                            "PlatformVersion": "1.4.0",
                        },
                    }
                }
            ],
            "Hooks": [{event: self.ids[name]} for event, name in hooks.items()],
        }
        return json.dumps(document)

    def revision(self, content: str) -> dict[str, Any]:
        return {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}

    def deploy(self, image: str = "good:2", *, content: str = "", **options: Any) -> str:
        """Create a deployment; options of another case than AWS's are hooks."""
        hooks = {name: options.pop(name) for name in list(options) if name[0].isupper()}
        content = content or self.app_spec(self.definition(image), **hooks)
        made = self.api.create_deployment(**self.group, revision=self.revision(content), **options)
        return str(made["deploymentId"])

    def info(self, deployment: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get_deployment(deploymentId=deployment)["deploymentInfo"]
        return found

    def becomes(self, deployment: str, status: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            info = self.info(deployment)
            if info["status"] in FINAL - {status}:
                raise AssertionError(info)
            return info if info["status"] == status else None

        found: dict[str, Any] = eventually(look)
        return found

    def reaches(self, deployment: str, event: str) -> None:
        """Wait until a lifecycle event has begun."""
        eventually(lambda: self.events(deployment)[event] != "Pending")

    def ended(self, deployment: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            info = self.info(deployment)
            return info if info["status"] in FINAL else None

        found: dict[str, Any] = eventually(look)
        return found

    def rolled_back(self, deployment: str) -> dict[str, Any]:
        """Wait for the end of the deployment that goes back on one."""
        info = self.ended(deployment)
        return self.becomes(info["rollbackInfo"]["rollbackDeploymentId"], "Succeeded")

    def target(self, deployment: str) -> dict[str, Any]:
        (target_id,) = self.api.list_deployment_targets(deploymentId=deployment)["targetIds"]
        found: dict[str, Any] = self.api.get_deployment_target(
            deploymentId=deployment, targetId=target_id
        )["deploymentTarget"]["ecsTarget"]
        return found

    def events(self, deployment: str) -> dict[str, str]:
        return {
            each["lifecycleEventName"]: each["status"]
            for each in self.target(deployment)["lifecycleEvents"]
        }

    def failure_of(self, deployment: str, event: str) -> str:
        (found,) = (
            each
            for each in self.target(deployment)["lifecycleEvents"]
            if each["lifecycleEventName"] == event
        )
        return str(found["diagnostics"]["message"])

    def execution(self, hook: str, deployment: str) -> str:
        """Wait until a function was called for a deployment; the id of its execution."""

        def look() -> str | None:
            try:
                found = self.emulator.client("ssm").get_parameter(Name=self.ids[hook])["Parameter"]
            except ClientError:
                return None
            reported, own = str(found["Value"]).split()
            return own if reported == deployment else None

        return str(eventually(look))

    def service(self) -> dict[str, Any]:
        (found,) = self.ecs.describe_services(cluster=self.name, services=[self.name])["services"]
        return dict(found)

    def images(self) -> list[str]:
        """The images that run, those of the primary set first."""
        found = []
        for each in sorted(
            self.service()["taskSets"], key=lambda each: each["status"] != "PRIMARY"
        ):
            described = self.ecs.describe_task_definition(taskDefinition=each["taskDefinition"])
            found.append(described["taskDefinition"]["containerDefinitions"][0]["image"])
        return found

    def weights(self, listener: str = "Production") -> dict[str, int]:
        """How much goes to ``Blue`` and to ``Green``, by the listener's rule or its own action."""
        rules = self.emulator.client("elbv2").describe_rules(ListenerArn=self.ids[listener])
        names = {self.ids[name]: name for name in ("Blue", "Green")}
        for rule in rules["Rules"]:
            for action in rule["Actions"]:
                groups = action.get("ForwardConfig", {}).get("TargetGroups")
                if not groups and "TargetGroupArn" in action:
                    groups = [{"TargetGroupArn": action["TargetGroupArn"], "Weight": 1}]
                if groups and groups[0]["TargetGroupArn"] in names:
                    return {names[each["TargetGroupArn"]]: each["Weight"] for each in groups}
        raise AssertionError(f"no rule of {listener} leads to the service")

    def alarm(self, state: str) -> None:
        self.emulator.client("cloudwatch").set_alarm_state(
            AlarmName=self.name, StateValue=state, StateReason="a test"
        )

    def forward(self, minutes: float) -> None:
        """Let so many of AWS's minutes pass."""
        self.emulator.local("POST", "clock", forward=str(minutes * MINUTE))


class Notices:
    """The events of the deployments of a group, from now on."""

    def __init__(self, blue: Blue) -> None:
        self._sqs = blue.emulator.client("sqs")
        self._queue = self._sqs.create_queue(
            QueueName=blue.name, Attributes={"Policy": QUEUE_POLICY}
        )["QueueUrl"]
        events = blue.emulator.client("events")
        pattern = {
            "source": ["aws.codedeploy"],
            "detail": {"application": [blue.group["applicationName"]]},
        }
        events.put_rule(Name=blue.name, EventPattern=json.dumps(pattern))
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{blue.name}"
        events.put_targets(Rule=blue.name, Targets=[{"Id": "q", "Arn": arn}])
        self._received: list[dict[str, Any]] = []

    def of(self, deployment: str) -> list[dict[str, Any]]:
        """Return those of a deployment, in order."""
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                self._sqs.delete_message(
                    QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"]
                )
                self._received.append(json.loads(message["Body"]))
        return [each for each in self._received if each["detail"]["deploymentId"] == deployment]
