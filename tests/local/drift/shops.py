"""The services under test: one for each way in which ECS deploys, and some that hold releases."""

import aws_cdk as cdk

from container_pipelines import (
    AlarmCheck,
    Approval,
    DeploymentWindow,
    EcsBlueGreen,
    PipelineControls,
    TrafficShift,
)
from tests.local.shops.stacks import Stacks

CLUSTER = "drift"
ALARM = "drift-errors"
ALARM_WAIT_MINUTES = 10


def add_services(stacks: Stacks) -> None:
    """Add the services to stacks."""
    stacks.add("rolling", drift=True)
    stacks.add(
        "shifting",
        EcsBlueGreen(
            traffic_shift=TrafficShift.all_at_once(),
            bake_time=cdk.Duration.minutes(0),
            circuit_breaker=True,
        ),
        drift=True,
    )
    stacks.add("approved-first", controls=PipelineControls(gates=[Approval()]), drift=True)
    stacks.add(
        "held-back",
        controls=PipelineControls(
            deployment_window=DeploymentWindow(cron="* * 9-16 ? * * *", time_zone="UTC"),
            alarms_before=AlarmCheck(
                alarms=[stacks.alarm(ALARM)], wait=cdk.Duration.minutes(ALARM_WAIT_MINUTES)
            ),
        ),
        drift=True,
    )
