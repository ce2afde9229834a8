"""What a build in a VPC needs of the network, beyond what the L2 gives it."""

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from container_pipelines._acknowledge import acknowledge, acknowledge_wildcards
from container_pipelines._once import arn


def grant_network_interfaces(
    role: iam.Role,
    project: codebuild.Project,
    vpc: ec2.IVpc,
    selection: ec2.SubnetSelection | None,
) -> None:
    """Allow what a build in a VPC needs: the interface of its machine.

    Parameters
    ----------
    role
        The role that builds run with.
    project
        The project, with its security groups.
    vpc
        The VPC.
    selection
        Its subnets; the private ones by default.
    """
    interfaces = arn(project, "ec2", "network-interface/*")
    subnets = [arn(project, "ec2", f"subnet/{each}") for each in _subnet_ids(vpc, selection)]
    groups = [
        arn(project, "ec2", f"security-group/{group.security_group_id}")
        for group in project.connections.security_groups
    ]
    for statement in (
        iam.PolicyStatement(
            actions=["ec2:CreateNetworkInterface"], resources=[interfaces, *subnets, *groups]
        ),
        iam.PolicyStatement(
            actions=["ec2:CreateNetworkInterfacePermission"],
            resources=[interfaces],
            conditions={
                "StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"},
                "ArnEquals": {"ec2:Subnet": subnets},
            },
        ),
        iam.PolicyStatement(
            actions=["ec2:DeleteNetworkInterface"],
            resources=[interfaces],
            conditions={"ArnEquals": {"ec2:Subnet": subnets}},
        ),
        iam.PolicyStatement(
            actions=[
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            resources=["*"],
        ),
    ):
        role.add_to_policy(statement)
    acknowledge_wildcards(
        role,
        {
            interfaces: "An interface has no id before it is made; the subnets bound what may "
            "be made."
        },
    )
    acknowledge(
        project.node.find_child("PolicyDocument"),
        {
            "AwsSolutions-IAM5[Resource::*]": "The L2's policy for a VPC, which is attached to no "
            "role and in no template: the role has narrower statements of its own."
        },
    )


def _subnet_ids(vpc: ec2.IVpc, selection: ec2.SubnetSelection | None) -> list[str]:
    chosen = selection or ec2.SubnetSelection()
    return vpc.select_subnets(
        availability_zones=chosen.availability_zones,
        one_per_az=chosen.one_per_az,
        subnet_filters=chosen.subnet_filters,
        subnet_group_name=chosen.subnet_group_name,
        subnets=chosen.subnets,
        subnet_type=chosen.subnet_type,
    ).subnet_ids
