"""The stack under test beside the app's own: a bot that sends all notifications of one pipeline."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam

from container_pipelines import (
    DEFAULT_THRESHOLDS,
    EventKind,
    NotifyOn,
    PipelineAlarms,
    SlackBot,
    SlackNotifier,
)
from local.cloud import ACCOUNT, REGION
from tests.local.apps import new_app

CHANNEL = "C0123456789"
TOKEN = "xoxb-0123456789-abcdefghijklmnop"
PARAMETER = "/bot/token"


def synthesize(folder: Path, *, pipeline: str) -> Path:
    """Synthesize the stack.

    Parameters
    ----------
    folder
        Where the assembly goes.
    pipeline
        The name of the pipeline and of its build project, which are there already.

    Returns
    -------
    Path
        The assembly.
    """
    app = new_app(folder)
    stack = cdk.Stack(app, "bot", env=cdk.Environment(account=ACCOUNT, region=REGION))
    bot = SlackNotifier(
        stack,
        "Bot",
        slack=SlackBot.from_parameter_store(PARAMETER, channel=CHANNEL),
        notify_on=list(NotifyOn),
        docs_url="https://example.com/troubleshooting",
    )
    # An imported project does not know where it logs, and this one has a group of its own.
    logs = {"service": "logs", "resource": "log-group", "resource_name": "*:log-stream:*"}
    iam.Grant.add_to_principal(
        grantee=bot.role,
        actions=["logs:GetLogEvents"],
        resource_arns=[stack.format_arn(**logs, arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME)],
    )
    # It reads why tasks stopped; for a service that is monitored the construct grants that.
    iam.Grant.add_to_principal(
        grantee=bot.role,
        actions=["ecs:DescribeServices", "ecs:ListTasks", "ecs:DescribeTasks"],
        resource_arns=["*"],
    )
    PipelineAlarms(
        stack,
        "MonitoredResources",
        name="bot",
        notifications=[bot],
        pipeline=codepipeline.Pipeline.from_pipeline_arn(
            stack, "Pipeline", stack.format_arn(service="codepipeline", resource=pipeline)
        ),
        build=codebuild.Project.from_project_name(stack, "Project", pipeline),
        events=[EventKind.RELEASES],
        alarms=dict.fromkeys(DEFAULT_THRESHOLDS),
    )
    app.synth()
    return folder
