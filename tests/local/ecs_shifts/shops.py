"""The services under test: one for each theme, each released by a strategy of ECS."""

import aws_cdk as cdk

from container_pipelines import (
    EcsBlueGreen,
    HookStage,
    OnTimeout,
    Pause,
    TrafficShift,
    ValidationHook,
)
from tests.local.shops.stacks import Stacks

CLUSTER = "shifts"
ALARM = "shifts-errors"
VERDICT = "/shifts/verdict"

_MINUTE = cdk.Duration.minutes(1)
_NO_TIME = cdk.Duration.minutes(0)
_ALL_AT_ONCE = TrafficShift.all_at_once()
# What it answers stands in a parameter: a hook cannot reach the tasks here. The first deployment
# comes before there is one.
_HOOK = """\
import boto3

def handle(event, context):
    ssm = boto3.client("ssm")
    found = ssm.get_parameters(Names=["/shifts/verdict"])["Parameters"]
    return {"hookStatus": found[0]["Value"] if found else "SUCCEEDED"}
"""


def add_services(stacks: Stacks) -> None:
    """Add the services to stacks."""
    test = stacks.test
    hook = ValidationHook(
        function=stacks.function("Hook", _HOOK, may={"ssm:GetParameters": VERDICT}),
        at=HookStage.TEST_TRAFFIC,
    )
    stacks.add(
        "checked",
        EcsBlueGreen(
            traffic_shift=_ALL_AT_ONCE, bake_time=_NO_TIME, test_listener=test, hooks=[hook]
        ),
    )
    stacks.add(
        "stepwise",
        EcsBlueGreen(
            traffic_shift=TrafficShift.linear(40, _MINUTE),
            bake_time=_MINUTE,
            test_listener=test,
            circuit_breaker=True,
        ),
    )
    stacks.add(
        "partly",
        EcsBlueGreen(
            traffic_shift=TrafficShift.canary(10, cdk.Duration.minutes(30)),
            bake_time=_NO_TIME,
            alarms=[stacks.alarm(ALARM)],
        ),
    )
    stacks.add(
        "held",
        EcsBlueGreen(
            traffic_shift=_ALL_AT_ONCE,
            bake_time=_NO_TIME,
            test_listener=test,
            # The stack's first deployment waits as well.
            pause=Pause(timeout=cdk.Duration.minutes(5), on_timeout=OnTimeout.CONTINUE),
        ),
    )
