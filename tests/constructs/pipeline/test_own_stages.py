"""Stages and actions that a person adds to a release pipeline."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from container_pipelines import (
    BlueGreenPipeline,
    BuildProject,
    CodeDeployBlueGreen,
    EcsRollingPipeline,
    LoadBalancedService,
    Source,
)

Statements = Callable[[cdk.Stack, str], list[dict[str, Any]]]


@pytest.fixture(params=["rolling", "code-deploy"])
def release(
    request: pytest.FixtureRequest,
    stack: cdk.Stack,
    source: Source,
    build: BuildProject,
    make_service: Callable[..., LoadBalancedService],
) -> EcsRollingPipeline | BlueGreenPipeline:
    given: Any = {"source": source, "build": build}
    if request.param == "rolling":
        return EcsRollingPipeline(stack, "Release", **given, service=make_service())
    service = make_service(deployment=CodeDeployBlueGreen())
    return BlueGreenPipeline(stack, "Release", **given, service=service)


@pytest.fixture
def smoke(
    stack: cdk.Stack, release: EcsRollingPipeline | BlueGreenPipeline
) -> Callable[..., codepipeline.IAction]:
    project = codebuild.PipelineProject(
        stack, "Smoke", build_spec=codebuild.BuildSpec.from_object({"version": "0.2"})
    )

    def smoke(**options: Any) -> codepipeline.IAction:
        return actions.CodeBuildAction(
            action_name="Smoke", project=project, input=release.build_output, **options
        )

    return smoke


def stages(stack: cdk.Stack) -> dict[str, list[dict[str, Any]]]:
    (found,) = Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    return {stage["Name"]: stage["Actions"] for stage in found["Properties"]["Stages"]}


@pytest.mark.parametrize(
    ("after", "order"),
    [
        (None, ["Source", "Build", "Deploy", "Test"]),
        ("Build", ["Source", "Build", "Test", "Deploy"]),
    ],
)
def test_a_stage_is_added_at_the_end_or_where_it_is_wanted(
    stack: cdk.Stack,
    release: EcsRollingPipeline | BlueGreenPipeline,
    smoke: Callable[..., codepipeline.IAction],
    statements: Statements,
    after: str | None,
    order: list[str],
) -> None:
    role = release.action_role("SmokeRole", "Starts the smoke test")
    release.add_stage("Test", [smoke(role=role)], after=after)
    found = stages(stack)
    assert list(found) == order
    (action,) = found["Test"]
    assert action["InputArtifacts"] == [{"Name": "Build"}]
    assert action["RoleArn"]["Fn::GetAtt"][0].startswith("ReleaseSmokeRole")
    assumed = [
        each["Resource"]["Fn::GetAtt"][0]
        for each in statements(stack, "ReleaseRole")
        if each["Action"] == "sts:AssumeRole"
    ]
    assert action["RoleArn"]["Fn::GetAtt"][0] in assumed
    granted = str([each["Action"] for each in statements(stack, "ReleaseSmokeRole")])
    assert "codebuild:StartBuild" in granted
    assert "s3:PutObject" not in granted


def test_a_role_may_write_artifacts_where_it_is_said(
    stack: cdk.Stack, release: EcsRollingPipeline | BlueGreenPipeline, statements: Statements
) -> None:
    release.action_role("WriterRole", "Makes a report", writes=True)
    granted = statements(stack, "ReleaseWriterRole")
    assert any("s3:PutObject" in each["Action"] for each in granted)


def test_an_action_without_a_role_that_the_pipeline_may_take_is_refused(
    stack: cdk.Stack,
    release: EcsRollingPipeline | BlueGreenPipeline,
    smoke: Callable[..., codepipeline.IAction],
) -> None:
    other = iam.Role(stack, "Other", assumed_by=iam.AccountRootPrincipal())
    for options in ({}, {"role": other}):
        with pytest.raises(ValueError, match=r"'actions' must have roles that action_role\(\) has"):
            release.add_stage("Test", [smoke(**options)])
    assert "Test" not in stages(stack)


def test_an_unknown_stage_is_refused(release: EcsRollingPipeline | BlueGreenPipeline) -> None:
    with pytest.raises(ValueError, match=r"'after' must be .*Build, Deploy, got 'Release';"):
        release.add_stage("Test", [], after="Release")
    with pytest.raises(ValueError, match=r"'actions' must be a list of .*IAction, got the string"):
        release.add_stage("Test", "Smoke")  # type: ignore[arg-type]
