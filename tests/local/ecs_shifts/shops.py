"""The stacks under test: one small service for each theme, each released by a strategy of ECS."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codeconnections as codeconnections
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from container_pipelines import (
    ArtifactBucket,
    BlueGreenPipeline,
    BuildProject,
    DockerBuild,
    EcrRepo,
    EcsBlueGreen,
    HealthCheck,
    HookStage,
    LoadBalancedService,
    OnTimeout,
    Pause,
    ReleaseRecorder,
    Source,
    TrafficShift,
    ValidationHook,
)
from local.cloud import ACCOUNT, ROOT

CLUSTER = "shifts"
ALARM = "shifts-errors"
VERDICT = "/shifts/verdict"

_MINUTE = cdk.Duration.minutes(1)
_NO_TIME = cdk.Duration.minutes(0)
# What it answers stands in a parameter: a hook cannot reach the tasks here. The first deployment
# comes before there is one.
_HOOK = """\
import boto3

def handle(event, context):
    ssm = boto3.client("ssm")
    found = ssm.get_parameters(Names=["/shifts/verdict"])["Parameters"]
    return {"hookStatus": found[0]["Value"] if found else "SUCCEEDED"}
"""


def _checked(scope: Construct, test: elbv2.IApplicationListener) -> EcsBlueGreen:
    function = lambda_.Function(
        scope,
        "Hook",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handle",
        code=lambda_.Code.from_inline(_HOOK),
        timeout=cdk.Duration.seconds(30),
    )
    function.add_to_role_policy(
        iam.PolicyStatement(
            actions=["ssm:GetParameters"],
            resources=[f"arn:aws:ssm:*:{ACCOUNT}:parameter{VERDICT}"],
        )
    )
    return EcsBlueGreen(
        traffic_shift=TrafficShift.all_at_once(),
        bake_time=_NO_TIME,
        test_listener=test,
        hooks=[ValidationHook(function=function, at=HookStage.TEST_TRAFFIC)],
    )


def _stepwise(_: Construct, test: elbv2.IApplicationListener) -> EcsBlueGreen:
    return EcsBlueGreen(
        traffic_shift=TrafficShift.linear(40, _MINUTE),
        bake_time=_MINUTE,
        test_listener=test,
        circuit_breaker=True,
    )


def _partly(scope: Construct, _: elbv2.IApplicationListener) -> EcsBlueGreen:
    alarm = cloudwatch.Alarm(
        scope,
        "Errors",
        alarm_name=ALARM,
        metric=cloudwatch.Metric(namespace="Shifts", metric_name="Errors"),
        threshold=1,
        evaluation_periods=1,
    )
    return EcsBlueGreen(
        traffic_shift=TrafficShift.canary(10, cdk.Duration.minutes(30)),
        bake_time=_NO_TIME,
        alarms=[alarm],
    )


def _held(_: Construct, test: elbv2.IApplicationListener) -> EcsBlueGreen:
    return EcsBlueGreen(
        traffic_shift=TrafficShift.all_at_once(),
        bake_time=_NO_TIME,
        test_listener=test,
        # The stack's first deployment waits as well.
        pause=Pause(timeout=cdk.Duration.minutes(5), on_timeout=OnTimeout.CONTINUE),
    )


SHOPS: Mapping[str, Callable[[Construct, elbv2.IApplicationListener], EcsBlueGreen]] = {
    "checked": _checked,
    "stepwise": _stepwise,
    "partly": _partly,
    "held": _held,
}


def synthesize(folder: Path, words: Mapping[str, str]) -> Path:
    """Synthesize the stacks.

    Parameters
    ----------
    folder
        Where the assembly goes.
    words
        The environment variable ``WORD`` of services.

    Returns
    -------
    Path
        The assembly.
    """
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    del context["delivery"]
    app = cdk.App(outdir=str(folder), context=context)
    images = cdk.Stack(app, "shifts-images")
    repositories = {name: EcrRepo(images, name.title(), repository_name=name) for name in SHOPS}
    _add_shops(cdk.Stack(app, "shifts"), repositories, words)
    app.synth()
    return folder


def _add_shops(
    stack: cdk.Stack, repositories: Mapping[str, EcrRepo], words: Mapping[str, str]
) -> None:
    vpc = ec2.Vpc(
        stack,
        "Vpc",
        max_azs=2,
        nat_gateways=0,
        restrict_default_security_group=False,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
        ],
    )
    balancer = elbv2.ApplicationLoadBalancer(stack, "LoadBalancer", vpc=vpc, internet_facing=True)
    production, test = (
        balancer.add_listener(
            name,
            port=port,
            protocol=elbv2.ApplicationProtocol.HTTP,
            default_action=elbv2.ListenerAction.fixed_response(404),
        )
        for name, port in (("Http", 80), ("Test", 8080))
    )
    shared: dict[str, Any] = {
        "cluster": ecs.Cluster(stack, "Cluster", cluster_name=CLUSTER, vpc=vpc),
        "listener": production,
    }
    connection = codeconnections.CfnConnection(
        stack, "Connection", connection_name="shifts", provider_type="GitHub"
    )
    recorder, bucket = ReleaseRecorder(stack, "Recorder"), ArtifactBucket(stack, "Artifacts")
    for number, (name, deployment) in enumerate(SHOPS.items(), start=1):
        scope = Construct(stack, name.title())
        images = repositories[name]
        service = LoadBalancedService(
            scope,
            "Service",
            **shared,
            repository=images.repository,
            image_pointer=images.image_pointer,
            service_name=name,
            deployment=deployment(scope, test),
            environment={"WORD": words[name]} if name in words else None,
            health_check=HealthCheck(
                interval=cdk.Duration.seconds(5),
                timeout=cdk.Duration.seconds(2),
                unhealthy_threshold=2,
                grace_period=cdk.Duration.seconds(5),
            ),
            stop_timeout=cdk.Duration.seconds(2),
            assign_public_ip=True,
            priority=number,
            path_patterns=[f"/{name}/*"],
        )
        folder = f"services/{name}"
        BlueGreenPipeline(
            scope,
            "Release",
            source=Source.github(
                connection_arn=connection.attr_connection_arn, repository=f"shops/{name}"
            ),
            build=BuildProject(
                scope,
                "Build",
                repository=images.repository,
                project_name=f"shifts-{name}",
                docker_build=DockerBuild(dockerfile=f"{folder}/Dockerfile", context=folder),
            ),
            service=service,
            image_pointer=images.image_pointer,
            recorder=recorder,
            pipeline_name=name,
            artifact_bucket=bucket,
        )
