"""The services under test: one for each theme, each released by CodeDeploy."""

import aws_cdk as cdk

from container_pipelines import CodeDeployBlueGreen, HookStage, TrafficShift, ValidationHook
from tests.local.shops.stacks import Stacks

CLUSTER = "blues"
ALARM = "blues-errors"
VERDICT = "/blues/verdict"

_MINUTE = cdk.Duration.minutes(1)
_NO_TIME = cdk.Duration.minutes(0)
_ALL_AT_ONCE = TrafficShift.all_at_once()
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


def add_services(stacks: Stacks) -> None:
    """Add the services to stacks."""
    test = stacks.test
    stacks.add(
        "seeded",
        CodeDeployBlueGreen(
            traffic_shift=_ALL_AT_ONCE, termination_wait=_NO_TIME, test_listener=test
        ),
    )
    stacks.add(
        "linear",
        CodeDeployBlueGreen(
            traffic_shift=TrafficShift.linear(40, _MINUTE),
            termination_wait=_MINUTE,
            test_listener=test,
        ),
    )
    stacks.add(
        "canary",
        CodeDeployBlueGreen(
            traffic_shift=TrafficShift.canary(10, cdk.Duration.minutes(60)),
            termination_wait=_NO_TIME,
            alarms=[stacks.alarm(ALARM)],
        ),
    )
    stacks.add(
        "approved",
        CodeDeployBlueGreen(
            traffic_shift=_ALL_AT_ONCE,
            termination_wait=_NO_TIME,
            test_listener=test,
            approval_wait=cdk.Duration.minutes(120),
        ),
    )
    hook = ValidationHook(
        function=stacks.function("Hook", _HOOK, may={"ssm:GetParameter": VERDICT}),
        at=HookStage.TEST_TRAFFIC,
    )
    stacks.add(
        "hooked",
        CodeDeployBlueGreen(
            traffic_shift=_ALL_AT_ONCE,
            termination_wait=_NO_TIME,
            test_listener=test,
            hooks=[hook],
        ),
    )
