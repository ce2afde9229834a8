from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_ecs as ecs
from aws_cdk.assertions import Template

from container_pipelines import BuildProject, EcsRollingPipeline, Source

CONNECTION = "arn:aws:codeconnections:eu-west-1:111122223333:connection/0f1e2d3c"
Statements = Callable[[cdk.Stack, str], list[dict[str, Any]]]


@pytest.fixture
def release(
    stack: cdk.Stack,
    build: BuildProject,
    own_service: ecs.FargateService,
    template: Callable[[cdk.Stack], Template],
) -> Callable[[Source], Any]:
    """Make a pipeline of a source; returns its source action."""

    def release(source: Source) -> Any:
        EcsRollingPipeline(stack, "Release", source=source, build=build, service=own_service)
        (pipeline,) = template(stack).find_resources("AWS::CodePipeline::Pipeline").values()
        return pipeline["Properties"]["Stages"][0]["Actions"][0]

    return release


def github(**options: Any) -> Source:
    return Source.github(
        **{"connection_arn": CONNECTION, "repository": "your-org/my-app", **options}
    )


def test_github_takes_main_through_the_connection(release: Callable[[Source], Any]) -> None:
    action = release(github())
    assert action["ActionTypeId"]["Provider"] == "CodeStarSourceConnection"
    assert action["Configuration"] == {
        "ConnectionArn": CONNECTION,
        "FullRepositoryId": "your-org/my-app",
        "BranchName": "main",
        "DetectChanges": True,
    }
    assert action["Namespace"] == "SourceVariables"


def test_a_repository_in_a_group_keeps_its_full_path(release: Callable[[Source], Any]) -> None:
    action = release(github(repository="group/team/my-app"))
    assert action["Configuration"]["FullRepositoryId"] == "group/team/my-app"


@pytest.mark.parametrize("service", ["codeconnections", "codestar-connections"])
def test_the_connection_is_granted_under_both_names(
    stack: cdk.Stack, release: Callable[[Source], Any], statements: Statements, service: str
) -> None:
    arn = CONNECTION.replace("codeconnections", service)
    release(github(connection_arn=arn))
    (grant,) = [s for s in statements(stack, "ReleaseSourceRole") if s["Resource"] == arn]
    assert grant["Action"] == [
        "codeconnections:UseConnection",
        "codestar-connections:UseConnection",
    ]
    assert {s["Resource"] != arn for s in statements(stack, "BuildRole")} == {True}


def test_a_full_clone_lets_the_build_read_the_one_repository(
    stack: cdk.Stack, release: Callable[[Source], Any], statements: Statements
) -> None:
    action = release(github(full_clone=True, trigger_on_push=False))
    assert action["Configuration"]["OutputArtifactFormat"] == "CODEBUILD_CLONE_REF"
    assert action["Configuration"]["DetectChanges"] is False
    (grant,) = [s for s in statements(stack, "BuildRole") if s["Resource"] == CONNECTION]
    # IfExists, and under both of the service's names: what AWS does not say denies nothing.
    assert grant["Condition"] == {
        "StringEqualsIfExists": {
            "codeconnections:FullRepositoryId": "your-org/my-app",
            "codeconnections:ProviderPermissionsRequired": "read_only",
            "codestar-connections:FullRepositoryId": "your-org/my-app",
            "codestar-connections:ProviderPermissionsRequired": "read_only",
        }
    }
    (of_source,) = [
        s for s in statements(stack, "ReleaseSourceRole") if s["Resource"] == CONNECTION
    ]
    assert "Condition" not in of_source


def test_code_commit_is_granted_on_the_repository_and_triggers_by_an_event(
    stack: cdk.Stack,
    release: Callable[[Source], Any],
    statements: Statements,
    template: Callable[[cdk.Stack], Template],
) -> None:
    repository = codecommit.Repository.from_repository_name(stack, "Code", "my-app")
    action = release(Source.code_commit(repository=repository, branch="release/1"))
    assert action["Configuration"]["RepositoryName"] == "my-app"
    assert action["Configuration"]["BranchName"] == "release/1"
    assert action["Configuration"]["PollForSourceChanges"] is False
    (grant,) = [s for s in statements(stack, "ReleaseSourceRole") if "codecommit" in str(s)]
    assert sorted(grant["Action"]) == [
        "codecommit:CancelUploadArchive",
        "codecommit:GetBranch",
        "codecommit:GetCommit",
        "codecommit:GetRepository",
        "codecommit:GetUploadArchiveStatus",
        "codecommit:UploadArchive",
    ]
    assert grant["Resource"]["Fn::Join"][1][-1] == ":my-app"
    template(stack).has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.codecommit"],
                "detail": {"referenceName": ["release/1"]},
            }
        },
    )


def test_code_commit_cloned_in_full(
    stack: cdk.Stack,
    release: Callable[[Source], Any],
    statements: Statements,
    template: Callable[[cdk.Stack], Template],
) -> None:
    repository = codecommit.Repository.from_repository_name(stack, "Code", "my-app")
    release(Source.code_commit(repository=repository, full_clone=True, trigger_on_push=False))
    assert [s for s in statements(stack, "BuildRole") if s["Action"] == "codecommit:GitPull"]
    template(stack).resource_count_is("AWS::Events::Rule", 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"connection_arn": ""}, "'connection_arn' must be .* a connection's ARN"),
        ({"connection_arn": "arn:aws:s3:::bucket"}, "'connection_arn'"),
        ({"repository": "my-app"}, "'repository' must be .* 'owner/name' .* got 'my-app'"),
        ({"repository": "https://github.com/a/b"}, "'repository'"),
        ({"branch": ""}, "'branch' must be 1 to 255 characters"),
        *(
            ({"branch": branch}, "'branch' must be 1 to 255")
            for branch in ("-x", "a..b", "a/", "/a", "x.lock", "a@{b", "a//b")
        ),
        ({"branch": "a b"}, "'branch' must be .* got 'a b'"),
        ({"branch": "refs/heads/main"}, "'branch' must be a branch's short name such as 'main'"),
    ],
)
def test_bad_input_is_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        github(**options)


def test_tokens_are_taken_as_they_are(release: Callable[[Source], Any]) -> None:
    arn = cdk.Token.as_string({"Ref": "Connection"})
    assert release(github(connection_arn=arn))["Configuration"]["ConnectionArn"] == {
        "Ref": "Connection"
    }
