"""What the CDK is asked once, and the answer kept.

Each question is a message to another process, and many permissions, rules and metrics are made of
the same few names, which never change.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from constructs import IConstruct

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


def _once(ask: Callable[[_Asked], _Answer]) -> Callable[[_Asked], _Answer]:
    # jsii never frees an object, so keeping it here costs nothing.
    return cast("Callable[[_Asked], _Answer]", functools.cache(ask))


class Place(NamedTuple):
    """Where a stack is deployed, as ARNs have it; tokens, where only the deployment knows."""

    partition: str
    region: str
    account: str


class ServiceNames(NamedTuple):
    """What names a service of Amazon ECS."""

    cluster: str
    cluster_arn: str
    service: str


class RepositoryNames(NamedTuple):
    """What names a repository of Amazon ECR."""

    arn: str
    name: str


@_once
def stack_of(construct: IConstruct) -> Stack:
    """Return the stack of a construct."""
    return Stack.of(construct)


@_once
def place_of(stack: Stack) -> Place:
    """Return where a stack is deployed."""
    return Place(stack.partition, stack.region, stack.account)


@_once
def service_names(service: ecs.IBaseService) -> ServiceNames:
    """Return what names a service."""
    cluster = service.cluster
    return ServiceNames(cluster.cluster_name, cluster.cluster_arn, service.service_name)


@_once
def repository_names(repository: ecr.IRepository) -> RepositoryNames:
    """Return what names a repository."""
    return RepositoryNames(repository.repository_arn, repository.repository_name)


@_once
def seconds_of(duration: Duration) -> float | None:
    """Return how many seconds a duration has; None, where only the deployment knows."""
    return None if duration.is_unresolved() else duration.to_seconds(integral=False)


def arn(scope: IConstruct, service: str, resource: str) -> str:
    """Name a resource of the account and region of a construct's stack.

    Parameters
    ----------
    scope
        The construct.
    service
        The AWS service, such as ``ecs``.
    resource
        The resource, with its kind, such as ``task/my-cluster/*``.

    Returns
    -------
    str
        The ARN.
    """
    place = place_of(stack_of(scope))
    return f"arn:{place.partition}:{service}:{place.region}:{place.account}:{resource}"
