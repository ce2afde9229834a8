"""The stacks under test: one small service for each theme, each released by CodeDeploy."""

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
    CodeDeployBlueGreen,
    DockerBuild,
    EcrRepo,
    HealthCheck,
    HookStage,
    LoadBalancedService,
    ReleaseRecorder,
    Source,
    TrafficShift,
    ValidationHook,
)
from local.cloud import ACCOUNT, ROOT

CLUSTER = "blues"
ALARM = "blues-errors"
VERDICT = "/blues/verdict"

_MINUTE = cdk.Duration.minutes(1)
# What it answers stands in a parameter: a hook cannot reach the tasks here.
_HOOK = """\
import boto3

def handle(event, context):
    verdict = boto3.client("ssm").get_parameter(Name="/blues/verdict")["Parameter"]["Value"]
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=verdict,
    )
"""


def _at_once(_: Construct, test: elbv2.IApplicationListener) -> CodeDeployBlueGreen:
    return CodeDeployBlueGreen(
        traffic_shift=TrafficShift.all_at_once(),
        termination_wait=cdk.Duration.minutes(0),
        test_listener=test,
    )


def _linear(_: Construct, test: elbv2.IApplicationListener) -> CodeDeployBlueGreen:
    return CodeDeployBlueGreen(
        traffic_shift=TrafficShift.linear(40, _MINUTE), termination_wait=_MINUTE, test_listener=test
    )


def _canary(scope: Construct, _: elbv2.IApplicationListener) -> CodeDeployBlueGreen:
    alarm = cloudwatch.Alarm(
        scope,
        "Errors",
        alarm_name=ALARM,
        metric=cloudwatch.Metric(namespace="Blues", metric_name="Errors"),
        threshold=1,
        evaluation_periods=1,
    )
    return CodeDeployBlueGreen(
        traffic_shift=TrafficShift.canary(10, cdk.Duration.minutes(60)),
        termination_wait=cdk.Duration.minutes(0),
        alarms=[alarm],
    )


def _approved(_: Construct, test: elbv2.IApplicationListener) -> CodeDeployBlueGreen:
    return CodeDeployBlueGreen(
        traffic_shift=TrafficShift.all_at_once(),
        termination_wait=cdk.Duration.minutes(0),
        test_listener=test,
        approval_wait=cdk.Duration.minutes(120),
    )


def _hooked(scope: Construct, test: elbv2.IApplicationListener) -> CodeDeployBlueGreen:
    role = iam.Role(
        scope,
        "HookRole",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name(
                "service-role/AWSLambdaBasicExecutionRole"
            )
        ],
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["ssm:GetParameter"],
            resources=[f"arn:aws:ssm:*:{ACCOUNT}:parameter{VERDICT}"],
        )
    )
    function = lambda_.Function(
        scope,
        "Hook",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handle",
        code=lambda_.Code.from_inline(_HOOK),
        timeout=cdk.Duration.seconds(30),
        role=role,
    )
    return CodeDeployBlueGreen(
        traffic_shift=TrafficShift.all_at_once(),
        termination_wait=cdk.Duration.minutes(0),
        test_listener=test,
        hooks=[ValidationHook(function=function, at=HookStage.TEST_TRAFFIC)],
    )


BLUES: Mapping[str, Callable[[Construct, elbv2.IApplicationListener], CodeDeployBlueGreen]] = {
    "seeded": _at_once,
    "linear": _linear,
    "canary": _canary,
    "approved": _approved,
    "hooked": _hooked,
}


def synthesize(folder: Path, *, word: str) -> Path:
    """Synthesize the stacks.

    Parameters
    ----------
    folder
        Where the assembly goes.
    word
        The environment variable ``WORD`` of the service ``canary``.

    Returns
    -------
    Path
        The assembly.
    """
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    del context["delivery"]
    app = cdk.App(outdir=str(folder), context=context)
    images = cdk.Stack(app, "blues-images")
    repositories = {name: EcrRepo(images, name.title(), repository_name=name) for name in BLUES}
    _add_blues(cdk.Stack(app, "blues"), repositories, word)
    app.synth()
    return folder


def _add_blues(stack: cdk.Stack, repositories: Mapping[str, EcrRepo], word: str) -> None:
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
        stack, "Connection", connection_name="blues", provider_type="GitHub"
    )
    recorder, bucket = ReleaseRecorder(stack, "Recorder"), ArtifactBucket(stack, "Artifacts")
    for number, (name, deployment) in enumerate(BLUES.items(), start=1):
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
            environment={"WORD": word} if name == "canary" else None,
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
                project_name=f"blues-{name}",
                docker_build=DockerBuild(dockerfile=f"{folder}/Dockerfile", context=folder),
            ),
            service=service,
            image_pointer=images.image_pointer,
            recorder=recorder,
            pipeline_name=name,
            artifact_bucket=bucket,
        )
