"""What ECS does by the roles of a task and of a service, beside its calls over HTTP.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html and
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AmazonECSInfrastructureRolePolicyForLoadBalancers.html
name the actions.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from local.emulator import scope
from local.emulator.clients import Clients
from local.emulator.permissions import permissions
from local.emulator.registry.tokens import repository_of

_TASKS: Final = "ecs-tasks.amazonaws.com"
_PULL: Final = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
_LOOK: Final = ("Listeners", "Rules", "TargetGroups", "TargetHealth")


def demand_start(definition: Mapping[str, Any]) -> None:
    """Demand what the execution and the task role of a task need for its start.

    Raises
    ------
    DeniedError
        A permission is missing.
    """
    for kind in ("executionRoleArn", "taskRoleArn"):
        if role := definition.get(kind):
            permissions.assume(role, _TASKS)
    # Where nothing of it is needed, a task has no execution role.
    role = definition.get("executionRoleArn", "")
    for action, resource in _of_execution(definition):
        permissions.demand(role, action, resource)


def _of_execution(definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for container in definition["containerDefinitions"]:
        for secret in container.get("secrets") or ():
            yield _secret(secret["valueFrom"])
        if repository := repository_of(container["image"]):
            yield "ecr:GetAuthorizationToken", "*"
            for action in _PULL:
                yield f"ecr:{action}", repository
        log = container.get("logConfiguration") or {}
        if log.get("logDriver") == "awslogs":
            yield from _log(log["options"])


def _secret(source: str) -> tuple[str, str]:
    parts = source.split(":")
    if parts[2:3] == ["secretsmanager"]:
        return "secretsmanager:GetSecretValue", ":".join(parts[:7])
    if source.startswith("arn:"):
        return "ssm:GetParameters", source
    return "ssm:GetParameters", scope.arn("ssm", f"parameter/{source.lstrip('/')}")


def _log(options: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    prefix = options.get("awslogs-stream-prefix", "")
    stream = f"log-group:{options['awslogs-group']}:log-stream:{prefix}/local"
    yield "logs:CreateLogStream", scope.arn("logs", stream)
    yield "logs:PutLogEvents", scope.arn("logs", stream)
    if options.get("awslogs-create-group") == "true":
        yield "logs:CreateLogGroup", scope.arn("logs", stream)


def with_infrastructure_role(clients: Clients, service: Mapping[str, Any]) -> Clients:
    """Return clients with the role by which a service's traffic is shifted.

    Raises
    ------
    DeniedError
        The role cannot be assumed, or may not do what ECS does with load balancers by itself.
    """
    advanced = [
        (balancer["targetGroupArn"], balancer["advancedConfiguration"])
        for balancer in service.get("loadBalancers") or ()
        if balancer.get("advancedConfiguration")
    ]
    if not advanced:
        return clients
    role = advanced[0][1].get("roleArn", "")
    bound = clients.acting_as(role, "ecs.amazonaws.com")
    for what in _LOOK:
        permissions.demand(role, f"elasticloadbalancing:Describe{what}")
    for group, configuration in advanced:
        for arn in (group, configuration["alternateTargetGroupArn"]):
            for action in ("RegisterTargets", "DeregisterTargets"):
                permissions.demand(role, f"elasticloadbalancing:{action}", arn)
    return bound
