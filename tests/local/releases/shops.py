"""The stacks under test: one small service for each theme, each with its pipeline."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codeconnections as codeconnections
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from container_pipelines import (
    AlarmCheck,
    AlarmWatch,
    Approval,
    ArtifactBucket,
    BuildProject,
    Check,
    DeploymentWindow,
    DockerBuild,
    EcrRepo,
    EcsRollingPipeline,
    HealthCheck,
    LoadBalancedService,
    OnFailure,
    PhaseCommands,
    PipelineControls,
    PullRequestTrigger,
    PushTrigger,
    ReleaseRecorder,
    Source,
)
from local.cloud import ROOT

CLUSTER = "shops"
ALARM = "shop-errors"
WATCH_MINUTES = 5
RECORD_PIPELINE = "record-shop"

# A commit that has this file fails its build once, wherever it is built.
_FAILS_ONCE = """\
if [ -e fails-once ]; then
  aws ssm get-parameter --name "/tried/$CODEBUILD_RESOLVED_SOURCE_VERSION" >/dev/null || {
    aws ssm put-parameter --name "/tried/$CODEBUILD_RESOLVED_SOURCE_VERSION" --type String --value 1
    exit 1
  }
fi
"""
_CHECK = """\
import boto3

def handle(event, context):
    job = event["CodePipeline.job"]
    given = job["data"]["actionConfiguration"]["configuration"]["UserParameters"]
    pipeline = boto3.client("codepipeline")
    if "unfit" in given:
        pipeline.put_job_failure_result(
            jobId=job["id"], failureDetails={"type": "JobFailed", "message": f"unfit: {given}"}
        )
    else:
        pipeline.put_job_success_result(jobId=job["id"])
"""

_Controls = Callable[[Construct], PipelineControls]


def _gated(stack: Construct) -> PipelineControls:
    check = lambda_.Function(
        stack,
        "Check",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handle",
        code=lambda_.Code.from_inline(_CHECK),
    )
    parameters = {
        "image": "#{BuildVariables.IMAGE_URI}",
        "message": "#{SourceVariables.CommitMessage}",
    }
    return PipelineControls(
        gates=[
            Check(function=check, user_parameters=parameters),
            Approval(message="#{BuildVariables.IMAGE_URI}"),
        ]
    )


def _watched(stack: Construct) -> PipelineControls:
    alarm = cloudwatch.Alarm(
        stack,
        "Errors",
        alarm_name=ALARM,
        metric=cloudwatch.Metric(namespace="Shop", metric_name="Errors"),
        threshold=1,
        evaluation_periods=1,
    )
    return PipelineControls(
        alarms_before=AlarmCheck(alarms=[alarm], wait=cdk.Duration.minutes(10)),
        alarms_after=AlarmWatch(alarms=[alarm], duration=cdk.Duration.minutes(WATCH_MINUTES)),
    )


def _queued(_: Construct) -> PipelineControls:
    return PipelineControls(
        execution_mode=codepipeline.ExecutionMode.QUEUED,
        retry_build=True,
        on_failure=OnFailure.RETRY_FAILED_ACTIONS,
    )


SHOPS: Mapping[str, _Controls] = {
    "first": lambda _: PipelineControls(),
    "shop": lambda _: PipelineControls(),
    "gated": _gated,
    "window": lambda _: PipelineControls(
        deployment_window=DeploymentWindow(cron="* * 9-16 ? * * *", time_zone="UTC")
    ),
    "watched": _watched,
    "frozen": lambda _: PipelineControls(
        frozen="Year end",
        triggers=[
            PushTrigger(file_paths=["services/frozen/**"], file_paths_excluded=["**/*.md"]),
            PushTrigger(tags=["v*"]),
            PullRequestTrigger(deploys_unmerged_code=True, file_paths=["services/frozen/**"]),
        ],
    ),
    "retried": _queued,
    "rolled": lambda _: PipelineControls(on_failure=OnFailure.ROLLBACK),
}


def synthesize(folder: Path, *, word: str) -> Path:
    """Synthesize the stacks.

    Parameters
    ----------
    folder
        Where the assembly goes.
    word
        The environment variable ``WORD`` of the service ``shop``.

    Returns
    -------
    Path
        The assembly.
    """
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    del context["delivery"]
    app = cdk.App(outdir=str(folder), context=context)
    images = cdk.Stack(app, "shops-images")
    repositories = {name: EcrRepo(images, name.title(), repository_name=name) for name in SHOPS}
    _add_shops(cdk.Stack(app, "shops"), repositories, word)
    app.synth()
    return folder


def _add_shops(stack: cdk.Stack, repositories: Mapping[str, EcrRepo], word: str) -> None:
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
    shared: dict[str, Any] = {
        "cluster": ecs.Cluster(stack, "Cluster", cluster_name=CLUSTER, vpc=vpc),
        "listener": balancer.add_listener(
            "Http", port=80, default_action=elbv2.ListenerAction.fixed_response(404)
        ),
    }
    connection = codeconnections.CfnConnection(
        stack, "Connection", connection_name="shops", provider_type="GitHub"
    )
    recorder = ReleaseRecorder(stack, "Recorder")
    bucket = ArtifactBucket(stack, "Artifacts")
    for number, (name, controls) in enumerate(SHOPS.items(), start=1):
        scope = Construct(stack, name.title())
        images = repositories[name]
        service = LoadBalancedService(
            scope,
            "Service",
            **shared,
            repository=images.repository,
            image_pointer=images.image_pointer,
            service_name=name,
            environment={"WORD": word} if name == "shop" else None,
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
        source = Source.github(
            connection_arn=connection.attr_connection_arn, repository=f"shops/{name}"
        )
        folder = f"services/{name}"
        EcsRollingPipeline(
            scope,
            "Release",
            source=source,
            build=BuildProject(
                scope,
                "Build",
                repository=images.repository,
                project_name=name,
                docker_build=DockerBuild(dockerfile=f"{folder}/Dockerfile", context=folder),
                commands=PhaseCommands(pre_build=[_FAILS_ONCE]),
            ),
            service=service.service,
            image_pointer=images.image_pointer,
            recorder=recorder,
            pipeline_name=name,
            artifact_bucket=bucket,
            controls=controls(scope),
        )
        if name == "shop":
            _add_record_pipeline(scope, source, bucket, recorder, service, images)


def _add_record_pipeline(
    scope: Construct,
    source: Source,
    bucket: ArtifactBucket,
    recorder: ReleaseRecorder,
    service: LoadBalancedService,
    images: EcrRepo,
) -> None:
    """Add a pipeline that records and does not deploy.

    AWS's deploy action is reported to succeed at times although ECS has rolled back; what the
    recorder then does can be seen by asking it alone.
    """
    scope = Construct(scope, "RecordAlone")
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("codepipeline.amazonaws.com"))
    output = codepipeline.Artifact()
    codepipeline.Pipeline(
        scope,
        "Pipeline",
        pipeline_name=RECORD_PIPELINE,
        pipeline_type=codepipeline.PipelineType.V2,
        artifact_bucket=bucket,
        role=role,
        variables=[codepipeline.Variable(variable_name="RECORD", default_value="nothing")],
        stages=[
            codepipeline.StageProps(
                stage_name="Source",
                actions=[source.action(output=output, role=role, triggered=True)],
            ),
            codepipeline.StageProps(
                stage_name="Record",
                actions=[
                    recorder.action(
                        scope,
                        role=role,
                        service=service.service,
                        container_name="app",
                        image_pointer=images.image_pointer,
                        image="#{variables.RECORD}",
                    )
                ],
            ),
        ],
    )
