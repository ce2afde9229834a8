"""The stack under test beside the app's own: a bot that sends all notifications of one pipeline."""

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_codepipeline as codepipeline

from container_pipelines import (
    DEFAULT_THRESHOLDS,
    EventKind,
    NotifyOn,
    PipelineAlarms,
    SlackBot,
    SlackNotifier,
)
from local.cloud import ACCOUNT, REGION, ROOT

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
        The name of the pipeline, which is there already.

    Returns
    -------
    Path
        The assembly.
    """
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    del context["delivery"]
    app = cdk.App(outdir=str(folder), context=context)
    stack = cdk.Stack(app, "bot", env=cdk.Environment(account=ACCOUNT, region=REGION))
    bot = SlackNotifier(
        stack,
        "Bot",
        slack=SlackBot.from_parameter_store(PARAMETER, channel=CHANNEL),
        notify_on=list(NotifyOn),
        docs_url="https://example.com/troubleshooting",
    )
    PipelineAlarms(
        stack,
        "MonitoredResources",
        name="bot",
        notifications=[bot],
        pipeline=codepipeline.Pipeline.from_pipeline_arn(
            stack, "Pipeline", stack.format_arn(service="codepipeline", resource=pipeline)
        ),
        events=[EventKind.RELEASES],
        alarms=dict.fromkeys(DEFAULT_THRESHOLDS),
    )
    app.synth()
    return folder
