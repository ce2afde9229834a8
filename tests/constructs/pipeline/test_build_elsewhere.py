"""A build project in another stack than its pipeline."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template

from container_pipelines import (
    ArtifactBucket,
    BlueGreenPipeline,
    BuildProject,
    CodeDeployBlueGreen,
    EcrRepo,
    EcsRollingPipeline,
    LoadBalancedService,
    PullRequestPipeline,
    PullRequestRepository,
    Source,
)


@pytest.fixture(params=["weak", "strong"])
def app(request: pytest.FixtureRequest) -> cdk.App:
    """With both kinds of references between stacks."""
    references = "@aws-cdk/core:defaultCrossStackReferences"
    return cdk.App(context={references: "weak"} if request.param == "weak" else {})


@pytest.fixture
def build(app: cdk.App, images: EcrRepo) -> BuildProject:
    return BuildProject(cdk.Stack(app, "Builds"), "Build", repository=images.repository)


def granted(stack: cdk.Stack) -> list[str]:
    """The actions of the policy that the pipeline's stack attaches to the build's role."""
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy")
    (policy,) = [policy for name, policy in policies.items() if "BuildPolicy" in name]
    assert len(policy["Properties"]["Roles"]) == 1
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    return [
        action
        for statement in statements
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    ]


def test_neither_stack_needs_the_other_both_ways(
    app: cdk.App,
    stack: cdk.Stack,
    build: BuildProject,
    make_service: Callable[..., LoadBalancedService],
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    repository = codecommit.Repository(stack, "Code", repository_name="my-app")
    EcsRollingPipeline(
        stack,
        "Release",
        source=Source.code_commit(repository=repository, full_clone=True),
        build=build,
        service=make_service(),
        artifact_bucket=ArtifactBucket.from_bucket_name(stack, "Bucket", "artifacts"),
    )
    app.synth()
    assert stack not in cdk.Stack.of(build).dependencies
    actions = granted(stack)
    assert {"s3:GetObject", "s3:PutObject", "ssm:GetParameter", "codecommit:GitPull"} <= {*actions}
    (pipeline,) = Template.from_stack(stack).find_resources("AWS::CodePipeline::Pipeline").values()
    assert any("BuildPolicy" in name for name in pipeline["DependsOn"])
    assert nag(stack) == nag(cdk.Stack.of(build)) == []


def test_a_pipeline_of_code_deploy(
    app: cdk.App,
    stack: cdk.Stack,
    source: Source,
    build: BuildProject,
    make_service: Callable[..., LoadBalancedService],
) -> None:
    BlueGreenPipeline(
        stack,
        "Release",
        source=source,
        build=build,
        service=make_service(deployment=CodeDeployBlueGreen()),
    )
    app.synth()
    assert "ecs:DescribeTaskDefinition" in granted(stack)


def test_a_pipeline_of_pull_requests(app: cdk.App, stack: cdk.Stack, source: Source) -> None:
    builds = cdk.Stack(app, "Builds")
    repository = PullRequestRepository(builds, "Unmerged", repository_name="my-app/unmerged")
    build = BuildProject(builds, "Build", repository=repository)
    PullRequestPipeline(stack, "PullRequests", source=source, build=build)
    app.synth()
    assert "s3:PutObject" not in granted(stack)


def test_a_key_in_a_stack_of_its_own_is_fine_and_one_in_the_pipelines_is_not(
    app: cdk.App,
    stack: cdk.Stack,
    source: Source,
    build: BuildProject,
    make_service: Callable[..., LoadBalancedService],
) -> None:
    def release(name: str, place: cdk.Stack) -> Any:
        bucket = ArtifactBucket(place, "Artifacts", encryption_key=kms.Key(place, "Key"))
        return EcsRollingPipeline(
            stack, name, source=source, build=build, service=service, artifact_bucket=bucket
        )

    service = make_service()
    with pytest.raises(ValueError, match=r"'artifact_bucket' must have its key in .*'Stack/"):
        release("Here", stack)
    release("There", cdk.Stack(app, "Artifacts"))
    app.synth()


def test_another_region_is_refused(
    app: cdk.App, source: Source, images: EcrRepo, make_service: Callable[..., LoadBalancedService]
) -> None:
    there, here = (
        cdk.Stack(app, region, env=cdk.Environment(account="111122223333", region=region))
        for region in ("us-east-1", "eu-west-1")
    )
    build = BuildProject(there, "Build", repository=images.repository)
    with pytest.raises(ValueError, match="'build' must be in the region of its pipeline, eu"):
        EcsRollingPipeline(here, "Release", source=source, build=build, service=make_service())
