"""What a run leaves: found by its prefix, deleted in an order that works, told if it stays."""

from typing import Any

import pytest

from acceptance import remains
from acceptance.names import Names
from acceptance.progress import Progress
from tests.acceptance.fakes import FakeAws, refused

PREFIX = "acceptance-0a1b2c"


class Account(FakeAws):
    """An account with something of each kind, of the run and of others."""

    def __init__(self) -> None:
        super().__init__()
        self.stacks = [
            f"{PREFIX}-platform",
            f"{PREFIX}-shared",
            f"{PREFIX}-{PREFIX}-rolling-registry",
            f"{PREFIX}-{PREFIX}-rolling-service",
            f"{PREFIX}-{PREFIX}-rolling-pipeline",
            f"{PREFIX}-asking-none",
            "acceptance-0a1b2cd-platform",
            "production",
        ]
        self.status: dict[str, list[str]] = {}
        self.names = {
            "codecommit": [f"{PREFIX}-rolling", "shop"],
            "ecr": [f"{PREFIX}-rolling", "shop"],
            "buckets": [f"{PREFIX}-platform-logs", "acceptance-0a1b2cd-logs", "shop"],
            "parameters": [f"/container-pipelines/{PREFIX}-rolling/image"],
            "families": [f"{PREFIX}-rolling"],
            "groups": [f"/aws/codebuild/{PREFIX}-rolling"],
            "alarms": [f"{PREFIX}-errors"],
            "roles": [f"{PREFIX}-asking", "admin"],
        }
        self.answers = {
            "cloudformation.describe_stacks": self._describe,
            "cloudformation.delete_stack": self._delete_stack,
            "codecommit.list_repositories": self._list("repositories", "repositoryName"),
            "codecommit.delete_repository": self._delete("codecommit", "repositoryName"),
            "ecr.describe_repositories": self._list("repositories", "repositoryName", "ecr"),
            "ecr.delete_repository": self._delete("ecr", "repositoryName"),
            "s3.list_buckets": self._list("Buckets", "Name", "buckets"),
            "s3.list_object_versions": {
                "Versions": [{"Key": "log", "VersionId": "1"}],
                "DeleteMarkers": [{"Key": "old", "VersionId": "2"}],
            },
            "s3.delete_bucket": self._delete("buckets", "Bucket"),
            "ssm.describe_parameters": self._list("Parameters", "Name", "parameters"),
            "ssm.delete_parameter": self._delete("parameters", "Name"),
            "ecs.list_task_definition_families": lambda _: {"families": self.names["families"]},
            "ecs.list_task_definitions": {"taskDefinitionArns": ["one"]},
            "ecs.delete_task_definitions": lambda _: self.names["families"].clear() or {},
            "logs.describe_log_groups": self._list("logGroups", "logGroupName", "groups"),
            "logs.delete_log_group": self._delete("groups", "logGroupName"),
            "cloudwatch.describe_alarms": self._list("MetricAlarms", "AlarmName", "alarms"),
            "cloudwatch.delete_alarms": lambda _: self.names["alarms"].clear() or {},
            "iam.list_roles": self._list("Roles", "RoleName", "roles"),
            "iam.list_role_policies": {"PolicyNames": ["inline"]},
            "iam.delete_role": self._delete("roles", "RoleName"),
        }

    def _list(self, member: str, key: str, of: str = "codecommit") -> Any:
        return lambda _: {member: [{key: name} for name in self.names[of]]}

    def _delete(self, of: str, key: str) -> Any:
        return lambda request: self.names[of].remove(request[key]) or {}

    def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request.get("StackName")
        if wanted is not None and wanted not in self.stacks:
            raise refused("ValidationError", f"Stack with id {wanted} does not exist")
        return {
            "Stacks": [
                {"StackName": name, "StackStatus": self._next(name)}
                for name in self.stacks
                if wanted in (None, name)
            ]
        }

    def _next(self, name: str) -> str:
        coming = self.status.get(name, [])
        return coming.pop(0) if len(coming) > 1 else (coming or ["CREATE_COMPLETE"])[0]

    def _delete_stack(self, request: dict[str, Any]) -> dict[str, Any]:
        self.stacks.remove(request["StackName"])
        return {}

    def deleted(self) -> list[str]:
        """What has been deleted, in that order."""
        keys = {
            "cloudformation.delete_stack": "StackName",
            "codecommit.delete_repository": "repositoryName",
            "ecr.delete_repository": "repositoryName",
            "s3.delete_bucket": "Bucket",
            "ssm.delete_parameter": "Name",
            "logs.delete_log_group": "logGroupName",
            "iam.delete_role": "RoleName",
        }
        return [request[keys[name]] for name, request in self.calls if name in keys]


@pytest.fixture
def account() -> Any:
    return Account()


def test_everything_of_the_run_goes_and_nothing_else(
    account: Any, names: Names, progress: Progress
) -> None:
    assert remains.clean(account, names, progress) == []
    assert account.deleted() == [
        # What a question has made, then services before what they run on.
        f"{PREFIX}-asking-none",
        f"{PREFIX}-{PREFIX}-rolling-pipeline",
        f"{PREFIX}-{PREFIX}-rolling-service",
        f"{PREFIX}-{PREFIX}-rolling-registry",
        f"{PREFIX}-platform",
        f"{PREFIX}-shared",
        f"{PREFIX}-asking",
        f"{PREFIX}-rolling",
        f"{PREFIX}-rolling",
        f"/container-pipelines/{PREFIX}-rolling/image",
        f"{PREFIX}-platform-logs",
        f"/aws/codebuild/{PREFIX}-rolling",
    ]
    assert account.stacks == ["acceptance-0a1b2cd-platform", "production"]
    assert account.names["buckets"] == ["acceptance-0a1b2cd-logs", "shop"]
    assert account.names["roles"] == ["admin"]
    (objects,) = [call for name, call in account.calls if name == "s3.delete_objects"]
    assert [each["VersionId"] for each in objects["Delete"]["Objects"]] == ["1", "2"]
    assert remains.find(account, names) == []


def test_what_cannot_be_deleted_is_told_with_its_command_and_the_rest_goes(
    account: Any, names: Names, progress: Progress
) -> None:
    account.answers["ecr.delete_repository"] = refused("AccessDenied", "no way")
    (left,) = remains.clean(account, names, progress)
    assert (left.kind, left.name) == ("ECR repository", f"{PREFIX}-rolling")
    assert "no way" in left.why
    assert left.command == f"aws ecr delete-repository --force --repository-name {PREFIX}-rolling"
    assert account.names["groups"] == []


def test_a_kind_that_cannot_be_listed_keeps_no_other_from_going(
    account: Any, names: Names, progress: Progress
) -> None:
    account.answers["codecommit.list_repositories"] = refused("AccessDenied", "not you")
    (left,) = remains.clean(account, names, progress)
    assert (left.kind, left.name) == ("CodeCommit repository", "?")
    assert "not you" in left.why
    assert account.names["groups"] == []


def test_an_update_under_way_is_cancelled_and_waited_for(
    account: Any, names: Names, progress: Progress
) -> None:
    service = f"{PREFIX}-{PREFIX}-rolling-service"
    account.stacks = [service]
    rolling_back = ["UPDATE_ROLLBACK_IN_PROGRESS"] * 3
    # Listed, looked at, looked at again, and waited for.
    coming = ["UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", *rolling_back, "UPDATE_ROLLBACK_COMPLETE"]
    account.status[service] = coming
    assert remains.clean(account, names, progress) == []
    operations = ("cloudformation.cancel_update_stack", "cloudformation.delete_stack")
    assert account.called(*operations) == list(operations)
    assert account.status[service] == ["UPDATE_ROLLBACK_COMPLETE"]


def test_a_stack_that_is_being_made_is_waited_for(
    account: Any, names: Names, progress: Progress
) -> None:
    platform = f"{PREFIX}-platform"
    account.stacks = [platform]
    account.status[platform] = [*["CREATE_IN_PROGRESS"] * 5, "CREATE_COMPLETE"]
    assert remains.clean(account, names, progress) == []
    assert account.status[platform] == ["CREATE_COMPLETE"]
    assert account.called("cloudformation.delete_stack", "cloudformation.cancel_update_stack") == [
        "cloudformation.delete_stack"
    ]


def test_a_stack_that_was_never_executed_is_at_rest(
    account: Any, names: Names, progress: Progress
) -> None:
    platform = f"{PREFIX}-platform"
    account.stacks = [platform]
    account.status[platform] = ["REVIEW_IN_PROGRESS"]
    assert remains.clean(account, names, progress) == []
    assert account.called("cloudformation.delete_stack")


def test_a_stack_whose_deletion_fails_is_told(
    account: Any, names: Names, progress: Progress
) -> None:
    platform = f"{PREFIX}-platform"
    account.stacks = [platform]
    account.answers["cloudformation.delete_stack"] = lambda _: account.status.update(
        {platform: ["DELETE_FAILED"]}
    )
    (left,) = remains.clean(account, names, progress)
    assert left.why == "the stack is DELETE_FAILED"
    assert left.command == f"aws cloudformation delete-stack --stack-name {platform}"
