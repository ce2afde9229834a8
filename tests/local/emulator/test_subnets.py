"""Subnets of a network do not overlap, whatever a template says."""

from typing import Any

from tests.local.emulator.balanced import resource
from tests.local.emulator.driver import Emulator


def network(*blocks: str) -> dict[str, Any]:
    """Return a VPC with a subnet for each range; of two networks none is in the other's way."""
    resources = {"Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16")}
    for number, block in enumerate(blocks):
        resources[f"Subnet{number}"] = resource(
            "EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock=block
        )
    return {"Resources": resources}


def test_a_subnet_has_its_range_alone(emulator: Emulator) -> None:
    emulator.deploy(network("10.0.0.0/18"))
    stack = emulator.deploy(network("10.0.0.0/18", "10.0.64.0/18"))
    # Three ranges in the place of two: how zones used to be added.
    changed = network("10.0.0.0/19", "10.0.32.0/19", "10.0.64.0/19")
    update = emulator.deploy_anyhow(changed, stack)
    assert update["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "conflicts with another subnet" in str(emulator.reasons(stack))
    emulator.deploy(network("10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18"), stack)
