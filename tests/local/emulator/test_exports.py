"""Exports that are in use: CloudFormation neither deletes nor changes them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.driver import Emulator


def producer(name: str, *, exported: bool = True) -> dict[str, Any]:
    output = {"Value": {"Ref": "Parameter"}}
    return {
        "Resources": {
            "Parameter": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Name": name, "Type": "String", "Value": "any"},
            }
        },
        "Outputs": {"Kept": output | ({"Export": {"Name": "shared"}} if exported else {})},
    }


def consumer(value: Any) -> dict[str, Any]:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
    return {"Resources": {"Parameter": parameter}}


def test_what_is_imported_stays_as_it_is(emulator: Emulator) -> None:
    made = emulator.deploy(producer("/exports/one"))
    user = emulator.deploy(consumer({"Fn::ImportValue": "shared"}))
    for changed, fate in (
        (producer("/exports/one", exported=False), "deleted"),
        (producer("/exports/two"), "updated"),
    ):
        stack = emulator.deploy_anyhow(changed, made)
        assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        assert f"cannot be {fate} as it is in use by {user}" in str(emulator.reasons(made))
    with pytest.raises(ClientError, match=f"imported by stack {user}"):
        emulator.client("cloudformation").delete_stack(StackName=made)
    emulator.deploy(consumer("nothing of others"), user)
    emulator.deploy(producer("/exports/two"), made)
