"""CodeCommit by its API: repositories, commits, and the release that a commit starts."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.delivery import action, approval
from tests.local.emulator.driver import ACCOUNT, REGION, Emulator, eventually
from tests.local.emulator.pipeline import Pipeline


@pytest.fixture
def repository(emulator: Emulator) -> str:
    name = emulator.new_name("code")
    emulator.client("codecommit").create_repository(repositoryName=name, tags={"run": "one"})
    return name


def commit(emulator: Emulator, repository: str, **options: Any) -> dict[str, Any]:
    """Commit the file `a`, with other options of the call where they are given."""
    files = [{"filePath": "a", "fileContent": b"text"}]
    given = {"repositoryName": repository, "branchName": "main", "putFiles": files, **options}
    answer: dict[str, Any] = emulator.client("codecommit").create_commit(
        **{key: value for key, value in given.items() if value is not None}
    )
    return answer


def code_of(call: Callable[[], object]) -> str:
    """The code of the error that a call is refused with."""
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


def test_a_repository_is_made_once_and_deleted_twice(emulator: Emulator, repository: str) -> None:
    client = emulator.client("codecommit")
    found = client.get_repository(repositoryName=repository)["repositoryMetadata"]
    assert found["Arn"] == f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{repository}"
    assert client.list_tags_for_resource(resourceArn=found["Arn"])["tags"] == {"run": "one"}
    taken = code_of(lambda: client.create_repository(repositoryName=repository))
    assert taken == "RepositoryNameExistsException"
    invalid = code_of(lambda: client.create_repository(repositoryName="code.git"))
    assert invalid == "InvalidRepositoryNameException"

    names = [each["repositoryName"] for each in client.list_repositories()["repositories"]]
    assert repository in names
    deleted = client.delete_repository(repositoryName=repository)
    assert deleted["repositoryId"] == found["repositoryId"]
    assert "repositoryId" not in client.delete_repository(repositoryName=repository)
    gone = code_of(lambda: client.get_repository(repositoryName=repository))
    assert gone == "RepositoryDoesNotExistException"
    # Nothing of it is there for the next one of that name.
    client.create_repository(repositoryName=repository)
    assert commit(emulator, repository)["filesAdded"]


def test_commits_follow_one_another(emulator: Emulator, repository: str) -> None:
    client = emulator.client("codecommit")
    first = commit(emulator, repository, authorName="Ada", commitMessage="one")
    assert [file["absolutePath"] for file in first["filesAdded"]] == ["a"]
    second = commit(
        emulator,
        repository,
        parentCommitId=first["commitId"],
        putFiles=[
            {"filePath": "a", "fileContent": b"other"},
            {"filePath": "run", "fileContent": b"#!/bin/sh", "fileMode": "EXECUTABLE"},
        ],
    )
    assert [file["absolutePath"] for file in second["filesUpdated"]] == ["a"]
    third = commit(
        emulator,
        repository,
        parentCommitId=second["commitId"],
        putFiles=[{"filePath": "b", "sourceFile": {"filePath": "run", "isMove": True}}],
        deleteFiles=[{"filePath": "a"}],
    )
    assert [file["absolutePath"] for file in third["filesDeleted"]] == ["a", "run"]
    assert [file["fileMode"] for file in third["filesAdded"]] == ["EXECUTABLE"]

    branch = client.get_branch(repositoryName=repository, branchName="main")["branch"]
    assert branch == {"branchName": "main", "commitId": third["commitId"]}
    found = client.get_commit(repositoryName=repository, commitId=first["commitId"])["commit"]
    assert (found["author"]["name"], found["message"], found["parents"]) == ("Ada", "one", [])
    assert found["treeId"] == first["treeId"]
    last = client.get_commit(repositoryName=repository, commitId=third["commitId"])["commit"]
    assert last["parents"] == [second["commitId"]]

    client.create_branch(repositoryName=repository, branchName="other", commitId=first["commitId"])
    other = client.get_branch(repositoryName=repository, branchName="other")["branch"]
    assert other["commitId"] == first["commitId"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"parentCommitId": None}, "ParentCommitIdRequiredException"),
        ({"parentCommitId": "0" * 40}, "ParentCommitDoesNotExistException"),
        ({"parentCommitId": "first"}, "ParentCommitIdOutdatedException"),
        ({"branchName": "none"}, "BranchDoesNotExistException"),
        ({"repositoryName": "no-such-code"}, "RepositoryDoesNotExistException"),
        ({"putFiles": None}, "FileEntryRequiredException"),
        ({"putFiles": [{"filePath": "a", "fileContent": b"new"}]}, "NoChangeException"),
        (
            {"putFiles": None, "deleteFiles": [{"filePath": "none"}]},
            "FileDoesNotExistException",
        ),
        ({"deleteFiles": [{"filePath": "a"}]}, "SamePathRequestException"),
        ({"putFiles": [{"filePath": "../a", "fileContent": b""}]}, "InvalidPathException"),
        ({"putFiles": [{"filePath": "a"}]}, "SourceFileOrContentRequiredException"),
        (
            {"putFiles": [{"filePath": f"{n}", "fileContent": b""} for n in range(101)]},
            "MaximumFileEntriesExceededException",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_commit_is_refused(
    emulator: Emulator, repository: str, options: dict[str, Any], code: str
) -> None:
    first = commit(emulator, repository)["commitId"]
    newest = commit(
        emulator,
        repository,
        parentCommitId=first,
        putFiles=[{"filePath": "a", "fileContent": b"new"}],
    )["commitId"]
    given = {"parentCommitId": newest, **options}
    if given["parentCommitId"] == "first":
        given["parentCommitId"] = first
    assert code_of(lambda: commit(emulator, repository, **given)) == code


def test_a_branch_is_refused(emulator: Emulator, repository: str) -> None:
    client = emulator.client("codecommit")
    first = commit(emulator, repository)["commitId"]

    def create(**options: str) -> None:
        given = {"repositoryName": repository, "branchName": "other", "commitId": first}
        client.create_branch(**{**given, **options})

    assert code_of(lambda: create(branchName="main")) == "BranchNameExistsException"
    assert code_of(lambda: create(commitId="0" * 40)) == "CommitDoesNotExistException"
    none = code_of(lambda: client.get_branch(repositoryName=repository, branchName="none"))
    assert none == "BranchDoesNotExistException"
    missing = code_of(lambda: client.get_commit(repositoryName=repository, commitId="0" * 40))
    assert missing == "CommitIdDoesNotExistException"


def test_a_commit_starts_the_pipeline_by_its_event(emulator: Emulator, repository: str) -> None:
    configuration = {
        "RepositoryName": repository,
        "BranchName": "main",
        "PollForSourceChanges": False,
    }
    first = action("Source", "CodeCommit", configuration, name="Source", outputs=["Source"])
    pipeline = Pipeline(emulator, {"Wait": [approval()]}, source=first)
    events, iam = emulator.client("events"), emulator.client("iam")
    role = iam.create_role(
        RoleName=emulator.new_name("events"),
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                },
            }
        ),
    )["Role"]
    iam.put_role_policy(
        RoleName=role["RoleName"],
        PolicyName="Start",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Action": "codepipeline:StartPipelineExecution",
                    "Resource": "*",
                },
            }
        ),
    )
    detail = {"event": ["referenceCreated"], "referenceName": ["main"]}
    arn = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:{repository}"
    pattern = {"source": ["aws.codecommit"], "resources": [arn], "detail": detail}
    events.put_rule(Name=repository, EventPattern=json.dumps(pattern))
    target = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{pipeline.name}"
    target_of = {"Id": "pipeline", "Arn": target, "RoleArn": role["Arn"]}
    events.put_targets(Rule=repository, Targets=[target_of])

    made = commit(emulator, repository)["commitId"]
    codepipeline = emulator.client("codepipeline")

    def executions() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = codepipeline.list_pipeline_executions(
            pipelineName=pipeline.name
        )["pipelineExecutionSummaries"]
        return [each for each in found if each.get("sourceRevisions")]

    (execution,) = eventually(executions)
    assert execution["sourceRevisions"][0]["revisionId"] == made
    # Its rule is for the branch's first commit.
    commit(
        emulator, repository, parentCommitId=made, putFiles=[{"filePath": "b", "fileContent": b"b"}]
    )
    assert len(executions()) == 1
