"""The templates of samples/settings, which have every setting, and what must be true of them.

Accept a changed snapshot as test_snapshots.py tells.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import cx_api
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from local.emulator import handled_types
from tests.stacks.test_snapshots import masked

FOLDER = Path(__file__).parents[2] / "samples" / "settings"
SERVICES = {
    "everything": ("checkout", "search", "shop"),
    "existing": ("accounts", "legacy", "payments"),
}

NOT_IN_THE_LOCAL_CLOUD = {
    "AWS::Chatbot::SlackChannelConfiguration",
    "AWS::WAFv2::WebACLAssociation",
}
"""Of the chat application and of web_acl_arn; docs/local-cloud.md says that both are rejected."""


@pytest.fixture(scope="module", params=SERVICES)
def assembly(
    request: pytest.FixtureRequest, synthesize: Callable[[dict[str, Any]], cx_api.CloudAssembly]
) -> tuple[str, cx_api.CloudAssembly]:
    settings = json.loads((FOLDER / f"{request.param}.json").read_text())
    return request.param, synthesize(settings)


@pytest.fixture(scope="module")
def sample(assembly: tuple[str, cx_api.CloudAssembly]) -> tuple[str, dict[str, Any]]:
    name, made = assembly
    return name, {stack.stack_name: stack.template for stack in made.stacks}


def test_nothing_is_warned_of(assembly: tuple[str, cx_api.CloudAssembly]) -> None:
    """A warning that comes at each synthesis hides those that matter."""
    _, made = assembly
    assert [str(message.entry.data) for stack in made.stacks for message in stack.messages] == []


def test_the_templates(sample: tuple[str, dict[str, Any]], snapshot: SnapshotAssertion) -> None:
    name, made = sample
    snapshot_json = snapshot.use_extension(JSONSnapshotExtension)
    stacks = [f"acme-{service}-pipeline" for service in SERVICES[name]]
    stacks += [f"acme-{service}-service" for service in SERVICES[name] if service != "legacy"]
    # The other sample's is the same but for the channel; registries are those of test_snapshots.py.
    stacks += ["acme-platform", "acme-monitoring"] if name == "everything" else []
    different = [
        s for s in stacks if masked(made[s]) != snapshot_json(name=s.removeprefix("acme-"))
    ]
    assert different == []


def test_what_keeps_data_keeps_its_logical_id_and_is_retained(
    sample: tuple[str, dict[str, Any]],
) -> None:
    name, made = sample
    images = {
        "ImagesRepository2D0F5B9C": "AWS::ECR::Repository",
        "ImagesImagePointerLiveImage48199A7B": "Custom::ImagePointer",
        "ImagesImagePointerPreviousImageE2814059": "Custom::ImagePointer",
    }
    # In the place of a repository that the app makes.
    own = {
        "ImagePointerLiveImageE719C40B": "Custom::ImagePointer",
        "ImagePointerPreviousImage1EDC0FBB": "Custom::ImagePointer",
    }
    expected: dict[str, dict[str, str]] = {}
    for service in SERVICES[name]:
        expected[f"acme-{service}-registry"] = own if service == "legacy" else images
        expected[f"acme-{service}-pipeline"] = {"ReleaseArtifacts7E374565": "AWS::S3::Bucket"}
    if name == "everything":
        expected["acme-shop-pipeline"]["PullRequestsArtifacts548877FF"] = "AWS::S3::Bucket"
        expected["acme-platform"] = {"AccessLogs8B620ECA": "AWS::S3::Bucket"}
    kept: dict[str, dict[str, str]] = {}
    for stack, template in made.items():
        for logical_id, resource in template["Resources"].items():
            retained = resource.get("DeletionPolicy", "").startswith("Retain")
            if retained and resource["Type"] != "AWS::Logs::LogGroup":
                kept.setdefault(stack, {})[logical_id] = resource["Type"]
                assert resource["UpdateReplacePolicy"] == "Retain"
    assert kept == expected


def test_the_local_cloud_knows_every_resource_type(sample: tuple[str, dict[str, Any]]) -> None:
    _, made = sample
    types = {r["Type"] for template in made.values() for r in template["Resources"].values()}
    assert {"AWS::ECS::Service", "AWS::CodeDeploy::DeploymentGroup"} <= types
    known = handled_types() | NOT_IN_THE_LOCAL_CLOUD
    assert {type_ for type_ in types if not type_.startswith("Custom::")} - known == set()
