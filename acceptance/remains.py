"""What a run leaves behind, found by its prefix: listed, deleted, and listed again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from acceptance.aws import Aws, code_of
from acceptance.errors import UnexpectedError
from acceptance.names import Names
from acceptance.progress import Progress

_STACK_SECONDS: Final = 75 * 60.0
# A change set has made it, and nobody has executed that: nothing is under way.
_REVIEWED: Final = "REVIEW_IN_PROGRESS"
_BATCH: Final = 10
# Services go before the load balancer and the cluster that they use; others go last.
_STACK_ORDER: Final = ("-pipeline", "-service", "-registry", "-platform")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource.

    Attributes
    ----------
    name
        What people call it.
    find
        Lists those of a run, in the order in which they can be deleted.
    delete
        Deletes one.
    command
        The command by which a person deletes one; ``{}`` is its name.
    """

    name: str
    find: Callable[[Aws, Names], list[str]]
    delete: Callable[[Aws, Progress, str], None]
    command: str


@dataclass(frozen=True, slots=True)
class Remaining:
    """A resource that is still there.

    Attributes
    ----------
    kind
        What it is.
    name
        Its name.
    command
        What deletes it.
    why
        Why it could not be deleted, if that was tried.
    """

    kind: str
    name: str
    command: str
    why: str = ""


def find(aws: Aws, names: Names) -> list[Remaining]:
    """Return what is there of a run.

    Parameters
    ----------
    aws
        Where to look.
    names
        The run's names.

    Returns
    -------
    list of Remaining
        In the order in which it can be deleted.
    """
    return [
        Remaining(kind.name, name, kind.command.format(name))
        for kind in KINDS
        for name in kind.find(aws, names)
    ]


def clean(aws: Aws, names: Names, progress: Progress) -> list[Remaining]:
    """Delete whatever is there of a run.

    Parameters
    ----------
    aws
        Where to look.
    names
        The run's names.
    progress
        What says how far it is.

    Returns
    -------
    list of Remaining
        What could not be deleted.
    """
    reasons: dict[tuple[str, str], str] = {}
    for kind in KINDS:
        try:
            for name in kind.find(aws, names):
                progress.note(f"deleting the {kind.name} {name}")
                try:
                    kind.delete(aws, progress, name)
                except (ClientError, BotoCoreError, UnexpectedError) as error:
                    reasons[kind.name, name] = str(error)
        except (ClientError, BotoCoreError) as error:
            # One kind that cannot be listed must not keep the others from being deleted.
            reasons[kind.name, "?"] = str(error)
    return _left(aws, names, reasons)


def _left(aws: Aws, names: Names, reasons: dict[tuple[str, str], str]) -> list[Remaining]:
    left = []
    for kind in KINDS:
        try:
            found = kind.find(aws, names)
        except (ClientError, BotoCoreError) as error:
            left.append(Remaining(kind.name, "?", "look for it yourself", str(error)))
            continue
        for name in found:
            why = reasons.get((kind.name, name), "it came back or is still being deleted")
            left.append(Remaining(kind.name, name, kind.command.format(name), why))
    return left


def _starting(names: Names, found: Sequence[str]) -> list[str]:
    """Return those that are the run's: its prefix alone, or with a dash after it."""
    return sorted(
        name for name in found if name == names.prefix or name.startswith(f"{names.prefix}-")
    )


def _stacks(aws: Aws, names: Names) -> list[str]:
    stacks = aws.pages("cloudformation", "describe_stacks", "Stacks")
    found = _starting(names, [stack["StackName"] for stack in stacks])

    def order(name: str) -> int:
        if name.startswith(names.asking):
            return -1
        endings = [place for place, end in enumerate(_STACK_ORDER) if name.endswith(end)]
        return endings[0] if endings else len(_STACK_ORDER)

    return sorted(found, key=order)


def _delete_stack(aws: Aws, progress: Progress, name: str) -> None:
    client = aws("cloudformation")

    def status() -> str:
        try:
            (stack,) = client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if code_of(error) != "ValidationError":
                raise
            return "DELETE_COMPLETE"
        return str(stack["StackStatus"])

    def at_rest() -> str | None:
        now = status()
        progress.note(f"the stack {name} is {now}")
        return now if now == _REVIEWED or not now.endswith("_IN_PROGRESS") else None

    def ended() -> str | None:
        now = status()
        progress.note(f"the stack {name} is {now}")
        return now if now in ("DELETE_COMPLETE", "DELETE_FAILED") else None

    if status() == "UPDATE_IN_PROGRESS":
        client.cancel_update_stack(StackName=name)
    # Also one that is being made, although AWS lets it be deleted meanwhile: what is made at that
    # moment must not outlive it.
    if status() != "DELETE_IN_PROGRESS":
        progress.until(at_rest, what=f"the stack {name} at rest", seconds=_STACK_SECONDS)
    client.delete_stack(StackName=name)
    if progress.until(ended, what=f"the end of the stack {name}", seconds=_STACK_SECONDS) != (
        "DELETE_COMPLETE"
    ):
        raise UnexpectedError("the stack is DELETE_FAILED")


def _roles(aws: Aws, names: Names) -> list[str]:
    # Those of stacks go with their stacks: this is what a question has made.
    roles = aws.pages("iam", "list_roles", "Roles")
    return [role["RoleName"] for role in roles if role["RoleName"] == names.asking]


def _delete_role(aws: Aws, _: Progress, name: str) -> None:
    for policy in aws.pages("iam", "list_role_policies", "PolicyNames", RoleName=name):
        aws("iam").delete_role_policy(RoleName=name, PolicyName=policy)
    aws("iam").delete_role(RoleName=name)


def _alarms(aws: Aws, names: Names) -> list[str]:
    alarms = aws.pages(
        "cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{names.prefix}-"
    )
    return [alarm["AlarmName"] for alarm in alarms]


def _code(aws: Aws, names: Names) -> list[str]:
    listed = aws.pages("codecommit", "list_repositories", "repositories")
    return _starting(names, [repository["repositoryName"] for repository in listed])


def _images(aws: Aws, names: Names) -> list[str]:
    listed = aws.pages("ecr", "describe_repositories", "repositories")
    return _starting(names, [repository["repositoryName"] for repository in listed])


def _parameters(aws: Aws, names: Names) -> list[str]:
    beginning = f"/container-pipelines/{names.prefix}-"
    listed = aws.pages(
        "ssm",
        "describe_parameters",
        "Parameters",
        ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": [beginning]}],
    )
    return sorted(parameter["Name"] for parameter in listed)


def _buckets(aws: Aws, names: Names) -> list[str]:
    return _starting(names, [bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"]])


def _delete_bucket(aws: Aws, _: Progress, name: str) -> None:
    client = aws("s3")
    for batch in _versions(client, name):
        failed = client.delete_objects(Bucket=name, Delete={"Objects": batch, "Quiet": True})
        if errors := failed.get("Errors"):
            raise UnexpectedError(f"an object stays: {errors[0].get('Message', errors[0])}")
    client.delete_bucket(Bucket=name)


def _versions(client: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [
            {"Key": version["Key"], "VersionId": version["VersionId"]}
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]
        if found:
            yield found


def _families(aws: Aws, names: Names) -> list[str]:
    found = [
        family
        for status in ("ACTIVE", "INACTIVE")
        for family in aws.pages(
            "ecs",
            "list_task_definition_families",
            "families",
            familyPrefix=names.prefix,
            status=status,
        )
    ]
    return sorted(set(_starting(names, found)))


def _delete_family(aws: Aws, _: Progress, name: str) -> None:
    client = aws("ecs")
    for arn in _revisions(aws, name, "ACTIVE"):
        client.deregister_task_definition(taskDefinition=arn)
    inactive = _revisions(aws, name, "INACTIVE")
    for start in range(0, len(inactive), _BATCH):
        client.delete_task_definitions(taskDefinitions=inactive[start : start + _BATCH])


def _revisions(aws: Aws, family: str, status: str) -> list[str]:
    return aws.pages(
        "ecs",
        "list_task_definitions",
        "taskDefinitionArns",
        familyPrefix=family,
        status=status,
    )


def _log_groups(aws: Aws, names: Names) -> list[str]:
    listed = aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePattern=names.prefix)
    return sorted(group["logGroupName"] for group in listed)


KINDS: Final = (
    Kind("stack", _stacks, _delete_stack, "aws cloudformation delete-stack --stack-name {}"),
    Kind("role", _roles, _delete_role, "aws iam delete-role --role-name {}"),
    Kind(
        "alarm",
        _alarms,
        lambda aws, _, name: aws("cloudwatch").delete_alarms(AlarmNames=[name]),
        "aws cloudwatch delete-alarms --alarm-names {}",
    ),
    Kind(
        "CodeCommit repository",
        _code,
        lambda aws, _, name: aws("codecommit").delete_repository(repositoryName=name),
        "aws codecommit delete-repository --repository-name {}",
    ),
    Kind(
        "ECR repository",
        _images,
        lambda aws, _, name: aws("ecr").delete_repository(repositoryName=name, force=True),
        "aws ecr delete-repository --force --repository-name {}",
    ),
    Kind(
        "parameter",
        _parameters,
        lambda aws, _, name: aws("ssm").delete_parameter(Name=name),
        "aws ssm delete-parameter --name {}",
    ),
    Kind("bucket", _buckets, _delete_bucket, "aws s3 rb --force s3://{}"),
    Kind(
        "task definition",
        _families,
        _delete_family,
        "aws ecs list-task-definitions --family-prefix {}",
    ),
    # Last: what is deleted before may write its last lines meanwhile.
    Kind(
        "log group",
        _log_groups,
        lambda aws, _, name: aws("logs").delete_log_group(logGroupName=name),
        "aws logs delete-log-group --log-group-name {}",
    ),
)
"""All kinds of which a run makes any, in the order in which they can be deleted."""
