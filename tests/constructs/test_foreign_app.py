"""An app that imports the constructs, and has its own reviewers' checks on."""

from collections.abc import Callable
from types import SimpleNamespace

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from container_pipelines import (
    AlertTopic,
    ArtifactBucket,
    BlueGreenPipeline,
    BuildProject,
    ChatApplication,
    CodeDeployBlueGreen,
    DeliveryDashboard,
    EcrRepo,
    EcsBlueGreen,
    EcsRollingPipeline,
    FunctionAlarm,
    LoadBalancedService,
    PipelineAlarms,
    PullRequestPipeline,
    PullRequestRepository,
    SlackBot,
    SlackNotifier,
    SlackWebhook,
    Source,
    no_notifications,
)

TASK_ROLE = "arn:aws:iam::111122223333:role/task"
LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/theirs/1/"


@pytest.fixture
def theirs(stack: cdk.Stack) -> SimpleNamespace:
    """What is there already, so that what is found is the library's."""
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0a",
        availability_zones=["eu-west-1a"],
        private_subnet_ids=["subnet-0a"],
        private_subnet_route_table_ids=["rtb-0a"],
    )
    group = ec2.SecurityGroup.from_security_group_id(stack, "Balancer", "sg-0a")
    return SimpleNamespace(
        cluster=ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="c", vpc=vpc),
        listener=elbv2.ApplicationListener.from_application_listener_attributes(
            stack, "Listener", listener_arn=f"{LISTENER}2", security_group=group
        ),
    )


@pytest.mark.parametrize("deployment", [None, EcsBlueGreen(), CodeDeployBlueGreen()])
def test_defaults_leave_nothing_to_find(
    app: cdk.App,
    stack: cdk.Stack,
    theirs: SimpleNamespace,
    source: Source,
    nag: Callable[[cdk.Stack], list[str]],
    deployment: EcsBlueGreen | CodeDeployBlueGreen | None,
) -> None:
    registry = cdk.Stack(app, "Registry")
    images = EcrRepo(registry, "Images", repository_name="my-app")
    service = LoadBalancedService(
        stack,
        "Service",
        cluster=theirs.cluster,
        listener=theirs.listener,
        repository=images.repository,
        image_pointer=images.image_pointer,
        deployment=deployment,
    )
    build = BuildProject(stack, "Build", repository=images.repository)
    if deployment is None:
        pipeline: EcsRollingPipeline | BlueGreenPipeline = EcsRollingPipeline(
            stack,
            "Release",
            source=source,
            build=build,
            service=service.service,
            image_pointer=images.image_pointer,
        )
    else:
        pipeline = BlueGreenPipeline(
            stack,
            "Release",
            source=source,
            build=build,
            service=service,
            image_pointer=images.image_pointer,
        )
    unmerged = PullRequestRepository(stack, "Unmerged", repository_name="my-app/pull-requests")
    PullRequestPipeline(
        stack,
        "PullRequests",
        source=source,
        build=BuildProject(stack, "PullRequestBuild", repository=unmerged),
    )
    webhook = SlackNotifier(stack, "Webhook", slack=SlackWebhook.from_parameter_store("/slack"))
    bot = SlackBot.from_parameter_store("/bot", channel="C0123456789")
    channels = [
        SlackNotifier(stack, "Bot", slack=bot),
        AlertTopic(stack, "Mail", emails=["team@example.com"]),
        ChatApplication(
            stack,
            "Chat",
            configuration_name="theirs",
            slack_workspace_id="T0123456789",
            slack_channel_id="C0123456789",
        ),
    ]
    watched = [
        PipelineAlarms(
            stack, f"Watch{number}", name=f"web-{number}", notifications=some, pipeline=pipeline
        )
        # With Slack alone no alarm has an action.
        for number, some in enumerate(([webhook], channels))
    ]
    assert pipeline.drift_detector is not None
    FunctionAlarm(
        stack,
        "Detector",
        name="drift-detector-errors",
        function=pipeline.drift_detector.function,
        notifications=[webhook],
    )
    DeliveryDashboard(stack, "Dashboard", services=watched, notifier=webhook)
    app.synth()
    assert nag(registry) == []
    assert nag(stack) == []


def test_what_is_asked_for_is_acknowledged_no_longer(
    app: cdk.App, stack: cdk.Stack, nag: Callable[[cdk.Stack], list[str]], images: EcrRepo
) -> None:
    """An option that mends a finding leaves no acknowledgement behind that could hide another."""
    bucket = ArtifactBucket(
        stack,
        "Artifacts",
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
        server_access_logs_bucket=s3.Bucket.from_bucket_name(stack, "Logs", "logs"),
    )
    assert nag(stack) == []
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.logging_configuration = None
    resource.bucket_encryption = None
    assert {name.partition("-")[2] for name in nag(stack)} == {
        "S1",
        "S3BucketLoggingEnabled",
        "S3DefaultEncryptionKMS",
    }


def test_that_nobody_hears_of_an_alarm_is_found(
    app: cdk.App,
    stack: cdk.Stack,
    theirs: SimpleNamespace,
    nag: Callable[[cdk.Stack], list[str]],
    build: BuildProject,
) -> None:
    PipelineAlarms(stack, "Watch", name="web", notifications=no_notifications(), build=build)
    assert sorted(nag(stack)) == [
        "HIPAA.Security-CloudWatchAlarmAction",
        "NIST.800.53.R5-CloudWatchAlarmAction",
    ]


def test_the_roles_of_a_pipeline_may_use_a_key_of_ones_own(
    stack: cdk.Stack,
    theirs: SimpleNamespace,
    source: Source,
    build: BuildProject,
    images: EcrRepo,
    nag: Callable[[cdk.Stack], list[str]],
) -> None:
    service = ecs.FargateService.from_fargate_service_attributes(
        stack, "Service", service_name="web", cluster=theirs.cluster
    )
    EcsRollingPipeline(
        stack,
        "Release",
        source=source,
        build=build,
        service=service,
        container_name="app",
        task_roles=[iam.Role.from_role_arn(stack, "TaskRole", TASK_ROLE)],
        artifact_bucket=ArtifactBucket(
            stack, "Artifacts", encryption_key=kms.Key(stack, "Key", enable_key_rotation=True)
        ),
    )
    assert nag(stack) == []
