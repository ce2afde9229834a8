"""A rolling service in a network of its own, with alarms, and a test of what has been deployed.

``cdk synth --app "python samples/apps/rolling.py"``
"""

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from container_pipelines import (
    AlertTopic,
    BuildProject,
    EcrRepo,
    EcsRollingPipeline,
    LoadBalancedService,
    PipelineAlarms,
    Scaling,
    Source,
)

app = cdk.App()
images = EcrRepo(cdk.Stack(app, "Registry"), "Images", repository_name="shop")

stack = cdk.Stack(app, "Shop")
vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
balancer = elbv2.ApplicationLoadBalancer(stack, "LoadBalancer", vpc=vpc, internet_facing=True)
listener = balancer.add_listener(
    "Http", port=80, default_action=elbv2.ListenerAction.fixed_response(404)
)
web = LoadBalancedService(
    stack,
    "Web",
    cluster=ecs.Cluster(stack, "Cluster", vpc=vpc, enable_fargate_capacity_providers=True),
    listener=listener,
    repository=images.repository,
    image_pointer=images.image_pointer,
    capacity_providers=[
        ecs.CapacityProviderStrategy(capacity_provider="FARGATE", base=1, weight=1),
        ecs.CapacityProviderStrategy(capacity_provider="FARGATE_SPOT", weight=3),
    ],
    scaling=Scaling(min_tasks=2, max_tasks=8),
)
dynamodb.Table(
    stack,
    "Baskets",
    partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
).grant_read_write_data(web)

release = EcsRollingPipeline(
    stack,
    "Release",
    source=Source.github(
        connection_arn="arn:aws:codeconnections:eu-west-1:111122223333:connection/0f1e2d3c",
        repository="acme/shop",
    ),
    # In a stack of its own, as builds of several services may be.
    build=BuildProject(cdk.Stack(app, "Builds"), "Build", repository=images.repository),
    service=web,
)
# What has been deployed is tested, by a project that may do nothing else.
release.add_stage(
    "Test",
    [
        actions.CodeBuildAction(
            action_name="Smoke",
            input=release.source_output,
            project=codebuild.PipelineProject(
                stack,
                "SmokeTest",
                build_spec=codebuild.BuildSpec.from_object(
                    {
                        "version": "0.2",
                        "phases": {"build": {"commands": ['curl --fail "$ADDRESS/health"']}},
                    }
                ),
            ),
            environment_variables={
                "ADDRESS": codebuild.BuildEnvironmentVariable(
                    value=f"http://{balancer.load_balancer_dns_name}"
                ),
                "IMAGE": codebuild.BuildEnvironmentVariable(value="#{BuildVariables.IMAGE_URI}"),
            },
            role=release.action_role("SmokeRole", "Starts the smoke test"),
        )
    ],
)
PipelineAlarms(
    stack,
    "Alarms",
    name="shop",
    pipeline=release,
    notifications=AlertTopic(stack, "Topic", emails=["team@example.com"]),
)

app.synth()
