"""What services run, what is recorded as live, and where they answer."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from acceptance.aws import Aws
from acceptance.names import Names

_SECONDS: Final = 10.0

PATHS: Final = {"rolling": "/", "blue_green": "/blue-green/", "code_deploy": "/code-deploy/"}
"""Below which path each service answers."""


@dataclass(frozen=True, slots=True)
class Live:
    """What is live of a service.

    Attributes
    ----------
    pointer
        The image that is recorded as live.
    images
        The images of its running tasks.
    """

    pointer: str
    images: frozenset[str]

    @property
    def is_recorded(self) -> bool:
        """Whether the tasks run what is recorded, and nothing else."""
        return self.images == {self.pointer}

    def __str__(self) -> str:
        """Say it in a few words."""
        running = ", ".join(sorted(map(short, self.images))) or "nothing"
        if self.is_recorded:
            return f"{running} runs and is recorded as live"
        return f"{running} runs, {short(self.pointer)} is recorded as live"


def short(image: str) -> str:
    """Return an image with few digits of its digest."""
    repository, at, digest = image.partition("@sha256:")
    return f"{repository.rpartition('/')[2]}{at and '@'}{digest[:8]}"


class Services:
    """The services of a run.

    Parameters
    ----------
    aws
        Where they are.
    names
        The run's names.
    """

    def __init__(self, aws: Aws, names: Names) -> None:
        self._aws, self._names = aws, names
        self._known: dict[str, str] = {}

    @property
    def cluster(self) -> str:
        """The cluster."""
        return self._made(self._names.platform, "AWS::ECS::Cluster")

    @property
    def listener(self) -> str:
        """The listener of the load balancer."""
        return self._made(self._names.platform, "AWS::ElasticLoadBalancingV2::Listener")

    def live(self, service: str) -> Live:
        """Return what is live of a service."""
        parameter = self._aws("ssm").get_parameter(Name=self._names.pointer(service))
        tasks = self._aws.pages(
            "ecs",
            "list_tasks",
            "taskArns",
            cluster=self.cluster,
            serviceName=service,
            desiredStatus="RUNNING",
        )
        described = (
            self._aws("ecs").describe_tasks(cluster=self.cluster, tasks=tasks)["tasks"]
            if tasks
            else []
        )
        images = {
            container["image"]
            for task in described
            if task["lastStatus"] == "RUNNING"
            for container in task["containers"]
        }
        return Live(parameter["Parameter"]["Value"], frozenset(images))

    def url(self, service: str) -> str:
        """Return where a service answers, by the load balancer's name and its listener's port."""
        if not (base := self._known.get("url")):
            balancer = self._made(self._names.platform, "AWS::ElasticLoadBalancingV2::LoadBalancer")
            client = self._aws("elbv2")
            (found,) = client.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"]
            (listener,) = client.describe_listeners(ListenerArns=[self.listener])["Listeners"]
            port = "" if listener["Port"] == 80 else f":{listener['Port']}"
            base = self._known["url"] = f"http://{found['DNSName']}{port}"
        kind = service.removeprefix(f"{self._names.prefix}-").replace("-", "_")
        return f"{base}{PATHS[kind]}"

    def message(self, service: str) -> str:
        """Return what a service answers; how it fails where it does."""
        status, body = get(self.url(service))
        if status != 200:
            return f"{status or 'no answer'}: {body[:200]}"
        try:
            return str(json.loads(body).get("message", body))
        except ValueError:
            return body

    def rules(self) -> Mapping[str, Mapping[str, int]]:
        """Return where the listener sends requests: rule -> target group -> weight.

        The listener's own action is among them, by the listener's ARN.
        """
        client = self._aws("elbv2")
        rules = client.describe_rules(ListenerArn=self.listener)["Rules"]
        (listener,) = client.describe_listeners(ListenerArns=[self.listener])["Listeners"]
        actions = {rule["RuleArn"]: rule["Actions"] for rule in rules if not rule.get("IsDefault")}
        return {
            arn: {
                group["TargetGroupArn"]: group.get("Weight", 1)
                for action in found
                for group in action.get("ForwardConfig", {}).get("TargetGroups", ())
            }
            for arn, found in {**actions, self.listener: listener["DefaultActions"]}.items()
        }

    def deployment(self, service: str) -> Mapping[str, Any] | None:
        """Return ECS's newest deployment of a service, if it keeps any."""
        client = self._aws("ecs")
        listed = client.list_service_deployments(cluster=self.cluster, service=service)
        if not listed["serviceDeployments"]:
            return None
        newest = max(listed["serviceDeployments"], key=lambda each: each["createdAt"])
        arns = [newest["serviceDeploymentArn"]]
        described = client.describe_service_deployments(serviceDeploymentArns=arns)
        found: list[Mapping[str, Any]] = described["serviceDeployments"]
        return found[0] if found else None

    def _made(self, stack: str, resource_type: str) -> str:
        key = f"{stack} {resource_type}"
        if key not in self._known:
            resources = self._aws.pages(
                "cloudformation",
                "list_stack_resources",
                "StackResourceSummaries",
                StackName=stack,
            )
            self._known[key] = next(
                resource["PhysicalResourceId"]
                for resource in resources
                if resource["ResourceType"] == resource_type
            )
        return self._known[key]


def get(url: str) -> tuple[int, str]:
    """Request a URL; return status and body, and 0 with the reason where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - http alone
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)
