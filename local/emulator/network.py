"""Addresses, NAT gateways, single security group rules and subnets for CloudFormation."""

import ipaddress
import secrets
from collections.abc import Callable
from typing import Any

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from local.emulator.resources import Attributes, Created, Declared, Properties, add_resource_type


def register() -> None:
    """Add the resource types."""
    add_resource_type(
        "AWS::EC2::EIP",
        create=_allocate,
        delete=_release,
        update=_retag_address,
        replaces=("Domain", "NetworkBorderGroup", "TransferAddress", "IpamPoolId"),
        tags="Tags",
    )
    add_resource_type(
        "AWS::EC2::NatGateway",
        create=_create_nat_gateway,
        delete=_delete_nat_gateway,
        update=_retag_nat_gateway,
        replaces=("SubnetId", "AllocationId", "ConnectivityType", "PrivateIpAddress", "VpcId"),
        tags="Tags",
    )
    for direction, permissions in (
        ("Ingress", "IpPermissions"),
        ("Egress", "IpPermissionsEgress"),
    ):
        _add_rule_type(f"AWS::EC2::SecurityGroup{direction}", permissions)
    _refuse_overlapping_subnets()


def _refuse_overlapping_subnets() -> None:
    """Refuse a subnet in a range that another one has, also one that an update would replace.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html has it as
    InvalidSubnet.Conflict.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::EC2::Subnet"]
    create: Callable[..., Any] = handlers["create"]
    update: Callable[..., Any] = handlers["update"]

    def check(wanted: Properties) -> None:
        if not (block := wanted.get("CidrBlock")):
            return
        for subnet in ec2._subnets.values():
            mine, theirs = (ipaddress.ip_network(each) for each in (block, subnet["CidrBlock"]))
            if subnet["VpcId"] == wanted.get("VpcId") and mine.overlaps(theirs):
                raise ValueError(
                    f"InvalidSubnet.Conflict: The CIDR '{block}' conflicts with another subnet"
                )

    def created(logical_id: str, wanted: Properties, *rest: Any, **more: Any) -> Any:
        check(wanted)
        return create(logical_id, wanted, *rest, **more)

    def updated(subnet: str, old: Properties, wanted: Properties, *rest: Any, **more: Any) -> Any:
        if old.get("CidrBlock") != wanted.get("CidrBlock"):
            check(wanted)
        return update(subnet, old, wanted, *rest, **more)

    handlers["create"], handlers["update"] = created, updated


def _allocate(declared: Declared) -> Created:
    before = set(ec2._addresses)
    ec2._allocate_address({"Domain": [declared.properties.get("Domain", "vpc")]})
    (allocation,) = set(ec2._addresses) - before
    provisioners._ec2_apply_tags(allocation, declared.properties)
    return _address(allocation)


def _address(allocation: str) -> Created:
    ip = ec2._addresses[allocation]["PublicIp"]
    return ip, {"AllocationId": allocation, "PublicIp": ip}


def _allocation(public_ip: str) -> str | None:
    return next(
        (key for key, address in ec2._addresses.items() if address["PublicIp"] == public_ip), None
    )


def _release(public_ip: str, _: Properties) -> None:
    if allocation := _allocation(public_ip):
        ec2._release_address({"AllocationId": [allocation]})


def _retag_address(public_ip: str, old: Properties, declared: Declared) -> Attributes:
    allocation = _allocation(public_ip)
    if allocation is None:
        raise ValueError(f"The address {public_ip} does not exist any more.")
    provisioners._ec2_apply_tags(allocation, declared.properties, old)
    return _address(allocation)[1]


def _create_nat_gateway(declared: Declared) -> Created:
    before = set(ec2._nat_gateways)
    texts = {key: [text] for key, text in declared.properties.items() if isinstance(text, str)}
    status, _, body = ec2._create_nat_gateway(texts)
    if status >= 400:
        raise ValueError(f"The NAT gateway was refused: {body!r}")
    (gateway,) = set(ec2._nat_gateways) - before
    provisioners._ec2_apply_tags(gateway, declared.properties)
    return gateway, {"NatGatewayId": gateway}


def _retag_nat_gateway(gateway: str, old: Properties, declared: Declared) -> Attributes:
    provisioners._ec2_apply_tags(gateway, declared.properties, old)
    return {"NatGatewayId": gateway}


def _delete_nat_gateway(gateway: str, _: Properties) -> None:
    ec2._delete_nat_gateway({"NatGatewayId": [gateway]})


def _add_rule_type(type_name: str, permissions: str) -> None:
    def rules(group_id: str) -> list[dict[str, Any]]:
        group = ec2._security_groups.get(group_id)
        if group is None:
            raise ValueError(f"The security group '{group_id}' does not exist")
        found: list[dict[str, Any]] = group[permissions]
        return found

    def create(declared: Declared) -> Created:
        rule = provisioners._ec2_sg_permissions([declared.properties])
        rules(declared.properties["GroupId"]).extend(rule)
        rule_id = f"sgr-{secrets.token_hex(8)}{secrets.token_hex(1)[0]}"
        return rule_id, {"Id": rule_id}

    def delete(_: str, properties: Properties) -> None:
        if properties["GroupId"] in ec2._security_groups:
            provisioners._ec2_sg_reconcile(
                rules(properties["GroupId"]), provisioners._ec2_sg_permissions([properties]), []
            )

    def update(rule_id: str, old: Properties, declared: Declared) -> Attributes:
        provisioners._ec2_sg_reconcile(
            rules(declared.properties["GroupId"]),
            provisioners._ec2_sg_permissions([old]),
            provisioners._ec2_sg_permissions([declared.properties]),
        )
        return {"Id": rule_id}

    add_resource_type(
        type_name,
        create=create,
        delete=delete,
        update=update,
        replaces=(
            "GroupId",
            "IpProtocol",
            "FromPort",
            "ToPort",
            "CidrIp",
            "CidrIpv6",
            "SourceSecurityGroupId",
            "DestinationSecurityGroupId",
            "SourcePrefixListId",
            "DestinationPrefixListId",
        ),
    )
