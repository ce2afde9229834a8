"""Builds of pull requests: verified, and apart from everything that a release reads."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codecommit as codecommit
from aws_cdk.assertions import Template

from container_pipelines import (
    BuildProject,
    EcrRepo,
    PullRequestPipeline,
    PullRequestRepository,
    PullRequestTrigger,
    Source,
)


@pytest.fixture
def build(stack: cdk.Stack, images: EcrRepo) -> BuildProject:
    return BuildProject(
        stack,
        "Build",
        repository=PullRequestRepository(
            stack, "Repository", repository_name="my-app/pull-requests"
        ),
        cache_from=images.repository,
    )


def only(template: Template, kind: str) -> dict[str, Any]:
    (found,) = template.find_resources(kind).values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def test_it_builds_each_pull_request_and_deploys_nothing(
    stack: cdk.Stack,
    build: BuildProject,
    source: Source,
    template: Callable[[cdk.Stack], Template],
) -> None:
    PullRequestPipeline(stack, "PullRequests", source=source, build=build)
    pipeline = only(template(stack), "AWS::CodePipeline::Pipeline")
    assert pipeline["PipelineType"] == "V2"
    assert pipeline["ExecutionMode"] == "PARALLEL"
    (trigger,) = pipeline["Triggers"]
    assert trigger["GitConfiguration"] == {
        "SourceActionName": "Source",
        "PullRequest": [{"Branches": {"Includes": ["main"]}, "Events": ["OPEN", "UPDATED"]}],
    }
    taken, built = (stage["Actions"] for stage in pipeline["Stages"])
    assert taken[0]["Configuration"]["DetectChanges"] is False
    assert [action["ActionTypeId"]["Provider"] for action in built] == ["CodeBuild"]
    # What it leaves is its log; there is nothing to deploy from.
    assert "OutputArtifacts" not in built[0]
    assert '"name":"VERIFY_ONLY"' in built[0]["Configuration"]["EnvironmentVariables"]


def test_its_repository_is_scanned_and_thrown_away(
    stack: cdk.Stack, build: BuildProject, template: Callable[[cdk.Stack], Template]
) -> None:
    template(stack).has_resource(
        "AWS::ECR::Repository",
        {
            "DeletionPolicy": "Delete",
            "Properties": {
                "RepositoryName": "my-app/pull-requests",
                "ImageScanningConfiguration": {"ScanOnPush": True},
                "EmptyOnDelete": True,
            },
        },
    )


def test_the_releases_cache_is_read_and_its_own_is_written(
    stack: cdk.Stack, build: BuildProject, template: Callable[[cdk.Stack], Template]
) -> None:
    rendered = template(stack)
    variables = {
        variable["Name"]: stack.resolve(variable["Value"])
        for variable in only(rendered, "AWS::CodeBuild::Project")["Environment"][
            "EnvironmentVariables"
        ]
    }
    assert str(variables["CACHE_FROM"]).endswith(":buildcache']]}")
    assert variables["CACHE_FROM"] != variables["REPOSITORY_URI"]
    writes = [
        statement
        for policy in rendered.find_resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "ecr:PutImage" in statement["Action"]
    ]
    (own,) = rendered.find_resources("AWS::ECR::Repository")
    assert [statement["Resource"] for statement in writes] == [{"Fn::GetAtt": [own, "Arn"]}]


def test_the_repository_of_releases_is_refused(
    stack: cdk.Stack, images: EcrRepo, source: Source
) -> None:
    build = BuildProject(stack, "Build", repository=images.repository)
    with pytest.raises(
        ValueError, match=r"'build' must push to a PullRequestRepository, got .*Images/Repository'"
    ):
        PullRequestPipeline(stack, "PullRequests", source=source, build=build)


def test_a_source_without_a_connection_is_refused(stack: cdk.Stack, build: BuildProject) -> None:
    repository = codecommit.Repository.from_repository_name(stack, "Code", "my-app")
    with pytest.raises(ValueError, match=r"'source' must be behind a connection, .* leave"):
        PullRequestPipeline(
            stack, "PullRequests", source=Source.code_commit(repository=repository), build=build
        )


def test_a_trigger_that_says_that_it_deploys_is_refused(
    stack: cdk.Stack, build: BuildProject, source: Source
) -> None:
    with pytest.raises(ValueError, match="'trigger' must not say 'deploys_unmerged_code'"):
        PullRequestPipeline(
            stack,
            "PullRequests",
            source=source,
            build=build,
            trigger=PullRequestTrigger(deploys_unmerged_code=True),
        )


def test_the_build_of_another_pipeline_is_refused(
    stack: cdk.Stack, build: BuildProject, source: Source
) -> None:
    PullRequestPipeline(stack, "PullRequests", source=source, build=build)
    with pytest.raises(ValueError, match="'build' must be a project of this pipeline alone"):
        PullRequestPipeline(stack, "Others", source=source, build=build)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repository_name": "My-App"}, "'repository_name' must be .* lower-case letters"),
        ({"repository_name": "my-app", "days": 0}, "'days' must be .* 365, got 0"),
    ],
)
def test_a_repository_that_ecr_would_refuse(
    stack: cdk.Stack, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PullRequestRepository(stack, "Repository", **options)
