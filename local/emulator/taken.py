"""What is there already, a stack cannot make: names, ports, priorities, addresses that are taken.

The emulator takes over a resource of the same name, or puts a second one beside it. CloudFormation
refuses: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ministack.services import alb, cloudwatch_logs, ec2, ecr, ecs, iam, lambda_svc
from ministack.services.cloudformation import stacks

Properties: TypeAlias = Mapping[str, Any]

# Type -> its property with the name, and where the emulator keeps what has one.
_NAMED: Final[Mapping[str, tuple[str, Any]]] = {
    "AWS::ECR::Repository": ("RepositoryName", ecr._repositories),
    "AWS::ECS::Cluster": ("ClusterName", ecs._clusters),
    "AWS::IAM::Role": ("RoleName", iam._roles),
    "AWS::Lambda::Function": ("FunctionName", lambda_svc._functions),
    "AWS::Logs::LogGroup": ("LogGroupName", cloudwatch_logs._log_groups),
}


def register() -> None:
    """Ask before a stack makes a resource that it has not had."""
    provision: Callable[..., Any] = stacks._provision_resource

    def refuse(resource_type: str, logical_id: str, properties: Properties, *rest: Any) -> Any:
        if why := why_not(resource_type, properties):
            raise ValueError(why)
        return provision(resource_type, logical_id, properties, *rest)

    stacks._provision_resource = refuse


def why_not(resource_type: str, properties: Properties) -> str | None:
    """Say why a resource cannot be made, in AWS's words; None where it can."""
    if resource_type in _NAMED:
        member, known = _NAMED[resource_type]
        name = properties.get(member)
        if name and name in known:
            return (
                f"Resource of type '{resource_type}' with identifier '{name}' already exists. "
                "(HandlerErrorCode: AlreadyExists)"
            )
    return _OTHERS[resource_type](properties) if resource_type in _OTHERS else None


def _listener(properties: Properties) -> str | None:
    balancer, port = properties.get("LoadBalancerArn"), str(properties.get("Port"))
    for each in alb._listeners.values():
        if (each["LoadBalancerArn"], str(each["Port"])) == (balancer, port):
            return (
                f"A listener already exists on this port for this load balancer '{balancer}' "
                "(DuplicateListener)"
            )
    return None


def _rule(properties: Properties) -> str | None:
    listener, priority = properties.get("ListenerArn"), str(properties.get("Priority"))
    for each in alb._rules.values():
        if (each["ListenerArn"], str(each["Priority"])) == (listener, priority):
            return f"Priority '{priority}' is currently in use (PriorityInUse)"
    return None


def _subnet(properties: Properties) -> str | None:
    vpc, block = properties.get("VpcId"), properties.get("CidrBlock")
    if not block:
        return None
    wanted = ipaddress.ip_network(block)
    for each in ec2._subnets.values():
        if each["VpcId"] == vpc and wanted.overlaps(ipaddress.ip_network(each["CidrBlock"])):
            return f"The CIDR '{block}' conflicts with another subnet (InvalidSubnet.Conflict)"
    return None


_OTHERS: Final[Mapping[str, Callable[[Properties], str | None]]] = {
    "AWS::EC2::Subnet": _subnet,
    "AWS::ElasticLoadBalancingV2::Listener": _listener,
    "AWS::ElasticLoadBalancingV2::ListenerRule": _rule,
}
