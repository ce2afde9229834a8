"""The services under test: one for each way in which ECS deploys, and one that asks first."""

import aws_cdk as cdk

from container_pipelines import Approval, EcsBlueGreen, PipelineControls, TrafficShift
from tests.local.shops.stacks import Stacks

CLUSTER = "drift"


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
