"""The shops under test: one small service for each theme, each with its pipeline."""

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam

from container_pipelines import (
    AlarmCheck,
    AlarmWatch,
    Approval,
    Check,
    DeploymentWindow,
    EcrRepo,
    LoadBalancedService,
    OnFailure,
    PhaseCommands,
    PipelineControls,
    PullRequestTrigger,
    PushTrigger,
)
from tests.local.shops.stacks import Stacks

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


def add_services(stacks: Stacks) -> None:
    """Add the shops to stacks."""
    stacks.add("first")
    _add_record_pipeline(stacks, *stacks.add("shop"))
    stacks.add("gated", controls=_gated(stacks))
    office_hours = DeploymentWindow(cron="* * 9-16 ? * * *", time_zone="UTC")
    stacks.add("window", controls=PipelineControls(deployment_window=office_hours))
    alarms = [stacks.alarm(ALARM)]
    stacks.add(
        "watched",
        controls=PipelineControls(
            alarms_before=AlarmCheck(alarms=alarms, wait=cdk.Duration.minutes(10)),
            alarms_after=AlarmWatch(alarms=alarms, duration=cdk.Duration.minutes(WATCH_MINUTES)),
        ),
    )
    stacks.add(
        "frozen",
        controls=PipelineControls(
            frozen="Year end",
            triggers=[
                PushTrigger(file_paths=["services/frozen/**"], file_paths_excluded=["**/*.md"]),
                PushTrigger(tags=["v*"]),
                PullRequestTrigger(deploys_unmerged_code=True, file_paths=["services/frozen/**"]),
            ],
        ),
    )
    stacks.add(
        "retried",
        controls=PipelineControls(
            execution_mode=codepipeline.ExecutionMode.QUEUED,
            retry_build=True,
            on_failure=OnFailure.RETRY_FAILED_ACTIONS,
        ),
        commands=PhaseCommands(pre_build=[_FAILS_ONCE]),
        build_may=dict.fromkeys(["ssm:GetParameter", "ssm:PutParameter"], "/tried/*"),
    )
    stacks.add("rolled", controls=PipelineControls(on_failure=OnFailure.ROLLBACK))


def _gated(stacks: Stacks) -> PipelineControls:
    parameters = {
        "image": "#{BuildVariables.IMAGE_URI}",
        "message": "#{SourceVariables.CommitMessage}",
    }
    return PipelineControls(
        gates=[
            Check(function=stacks.function("Check", _CHECK), user_parameters=parameters),
            Approval(message="#{BuildVariables.IMAGE_URI}"),
        ]
    )


def _add_record_pipeline(stacks: Stacks, service: LoadBalancedService, images: EcrRepo) -> None:
    """Add a pipeline that records and does not deploy.

    AWS's deploy action is reported to succeed at times although ECS has rolled back; what the
    recorder then does can be seen by asking it alone.
    """
    scope = stacks.scope("RecordAlone")
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("codepipeline.amazonaws.com"))
    output = codepipeline.Artifact()
    codepipeline.Pipeline(
        scope,
        "Pipeline",
        pipeline_name=RECORD_PIPELINE,
        pipeline_type=codepipeline.PipelineType.V2,
        artifact_bucket=stacks.bucket,
        role=role,
        variables=[codepipeline.Variable(variable_name="RECORD", default_value="nothing")],
        stages=[
            codepipeline.StageProps(
                stage_name="Source",
                actions=[stacks.source("shop").action(output=output, role=role, triggered=True)],
            ),
            codepipeline.StageProps(
                stage_name="Record",
                actions=[
                    stacks.recorder.action(
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
