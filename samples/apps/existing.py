"""A service, a repository and a bucket that are there already, and pull requests.

``cdk synth --app "python samples/apps/existing.py"``
"""

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from container_pipelines import (
    Approval,
    BuildProject,
    Check,
    EcsRollingPipeline,
    ImagePointer,
    PipelineControls,
    PullRequestPipeline,
    PullRequestRepository,
    Source,
)

app = cdk.App()
stack = cdk.Stack(app, "Shop")
repository = ecr.Repository.from_repository_name(stack, "Images", "shop")
cluster_arn = stack.format_arn(service="ecs", resource="cluster", resource_name="prod")
release = EcsRollingPipeline(
    stack,
    "Release",
    source=Source.code_commit(
        repository=codecommit.Repository.from_repository_name(stack, "Code", "shop")
    ),
    # The repository's own buildspec; docs/constructs.md says what it must do.
    build=BuildProject(
        stack,
        "Build",
        repository=repository,
        build_spec=codebuild.BuildSpec.from_source_filename("buildspec.yml"),
    ),
    service=ecs.FargateService.from_fargate_service_attributes(
        stack,
        "Service",
        service_name="shop",
        cluster=ecs.Cluster.from_cluster_arn(stack, "Cluster", cluster_arn),
    ),
    container_name="app",
    task_roles=[
        iam.Role.from_role_name(stack, "TaskRole", "shop-task"),
        iam.Role.from_role_name(stack, "ExecutionRole", "shop-execution"),
    ],
    image_pointer=ImagePointer(stack, "Pointer", parameter_name="/shop/image"),
    artifact_bucket=s3.Bucket.from_bucket_name(stack, "Artifacts", "acme-artifacts"),
    controls=PipelineControls(
        gates=[
            Check(function=lambda_.Function.from_function_name(stack, "Smoke", "smoke-test")),
            Approval(topic=sns.Topic(stack, "Approvals")),
        ]
    ),
)
unmerged = PullRequestRepository(stack, "Unmerged", repository_name="shop/pull-requests")
PullRequestPipeline(
    stack,
    "PullRequests",
    source=Source.github(
        connection_arn="arn:aws:codeconnections:eu-west-1:111122223333:connection/0f1e2d3c",
        repository="acme/shop",
    ),
    build=BuildProject(stack, "PullRequestBuild", repository=unmerged, cache_from=repository),
)

app.synth()
