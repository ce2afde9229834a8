"""What AWS's schemas call create-only replaces a resource, and a change set says so."""

import json
from typing import Any

import pytest

from tests.local.emulator.driver import Emulator, eventually


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def ids(emulator: Emulator, stack: str) -> dict[str, str]:
    resources = emulator.client("cloudformation").list_stack_resources(StackName=stack)
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in resources["StackResourceSummaries"]
    }


def replaced(emulator: Emulator, stack: str, template: dict[str, Any]) -> dict[str, str]:
    """Whether a change set says that each resource that changes is replaced."""
    cloudformation = emulator.client("cloudformation")
    name = emulator.new_name("changes")
    cloudformation.create_change_set(
        StackName=stack, ChangeSetName=name, TemplateBody=json.dumps(template)
    )

    def made() -> Any:
        found = cloudformation.describe_change_set(StackName=stack, ChangeSetName=name)
        return found if found["Status"] == "CREATE_COMPLETE" else None

    changes = [each["ResourceChange"] for each in eventually(made)["Changes"]]
    return {each["LogicalResourceId"]: each["Replacement"] for each in changes}


def there(emulator: Emulator) -> set[str]:
    """Return the networks, security groups and log groups that there are."""
    ec2 = emulator.client("ec2")
    groups = emulator.client("logs").describe_log_groups()["logGroups"]
    return {
        *(each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"]),
        *(each["GroupId"] for each in ec2.describe_security_groups()["SecurityGroups"]),
        *(each["logGroupName"] for each in groups),
    }


VPC = resource("EC2::VPC", CidrBlock="10.0.0.0/16")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (VPC, resource("EC2::VPC", CidrBlock="10.1.0.0/16")),
        (
            resource("EC2::SecurityGroup", GroupDescription="a", VpcId="vpc-1"),
            resource("EC2::SecurityGroup", GroupDescription="b", VpcId="vpc-1"),
        ),
        (
            resource("Logs::LogGroup", LogGroupName="replaced-before"),
            resource("Logs::LogGroup", LogGroupName="replaced-after"),
        ),
    ],
)
def test_a_create_only_property_replaces(
    emulator: Emulator, before: dict[str, Any], after: dict[str, Any]
) -> None:
    stack = emulator.deploy({"Resources": {"It": before}})
    old = ids(emulator, stack)["It"]
    assert old in there(emulator)
    assert replaced(emulator, stack, {"Resources": {"It": after}}) == {"It": "True"}
    emulator.deploy({"Resources": {"It": after}}, stack)
    assert ids(emulator, stack)["It"] != old
    assert old not in there(emulator)


def test_any_other_property_changes_it_in_place(emulator: Emulator) -> None:
    before = resource("Logs::LogGroup", RetentionInDays=1)
    after = {"Resources": {"It": resource("Logs::LogGroup", RetentionInDays=7)}}
    stack = emulator.deploy({"Resources": {"It": before}})
    old = ids(emulator, stack)
    assert replaced(emulator, stack, after) == {"It": "False"}
    emulator.deploy(after, stack)
    assert ids(emulator, stack) == old


def test_a_fixed_name_cannot_be_replaced_and_all_stays_as_it_was(emulator: Emulator) -> None:
    def repository(encryption: str) -> dict[str, Any]:
        given = {"EncryptionType": encryption}
        return resource("ECR::Repository", RepositoryName="fixed", EncryptionConfiguration=given)

    def parameter(default: str, repository: dict[str, Any]) -> dict[str, Any]:
        text = resource("SSM::Parameter", Name="/fixed", Type="String", Value={"Ref": "Text"})
        return {
            "Parameters": {"Text": {"Type": "String", "Default": default}},
            "Resources": {"Text": text, "It": {**repository, "DependsOn": "Text"}},
        }

    stack = emulator.deploy(parameter("before", repository("AES256")))
    old = ids(emulator, stack)
    ended = emulator.deploy_anyhow(parameter("after", repository("KMS")), stack)
    assert ended["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    (reason,) = emulator.reasons(stack)
    assert "fixed" in reason
    assert ids(emulator, stack) == old
    value = emulator.client("ssm").get_parameter(Name="/fixed")["Parameter"]["Value"]
    assert value == "before"
    shown = emulator.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    assert "AES256" in json.dumps(shown)
