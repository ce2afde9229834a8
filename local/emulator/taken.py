"""What is there already, a stack cannot make: names that are taken.

The emulator takes over a resource of the same name. CloudFormation refuses:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ministack.services import cloudwatch_logs, ecr, ecs, iam, lambda_svc
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
    return None
