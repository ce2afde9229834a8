"""What is there already, as a stack refers to it."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from stacks.platform_settings import ExistingPlatform


def existing_vpc(stack: cdk.Stack, existing: ExistingPlatform) -> ec2.IVpc:
    """Refer to the VPC of a platform.

    Parameters
    ----------
    stack
        The stack that places something in it.
    existing
        The platform.

    Returns
    -------
    ec2.IVpc
        The VPC with its private subnets.
    """
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id=existing.vpc_id,
        availability_zones=existing.availability_zones,
        private_subnet_ids=existing.private_subnet_ids,
    )
    cdk.Annotations.of(vpc).acknowledge_warning(
        "@aws-cdk/aws-ec2:noSubnetRouteTableId",
        "Tasks, functions and builds are placed in the subnets; nothing is added to a route table.",
    )
    return vpc
