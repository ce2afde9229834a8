"""The templates of the sample settings, as they are deployed.

Change a snapshot with `pytest tests/stacks --snapshot-update` and read the difference: what is
retained is lost when its logical id changes.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

ASSET_HASH = re.compile(r"\b[0-9a-f]{64}\b")

STACKS = (
    "delivery-shared",
    "delivery-platform",
    "delivery-my-container-app-registry",
    "delivery-my-container-app-service",
    "delivery-my-container-app-pipeline",
    "delivery-my-container-app-blue-green-registry",
    "delivery-my-container-app-blue-green-service",
    "delivery-my-container-app-blue-green-pipeline",
    "delivery-monitoring",
)

EXISTING = {
    "name": "delivery",
    "services": [
        {
            "name": "my-app",
            "source": {"type": "codecommit", "repository": "my-app"},
            "build": {"docker_hub": {}},
            "existing_service": {
                "cluster_name": "my-cluster",
                "service_name": "my-service",
                "container_name": "app",
                "task_role_arns": [
                    "arn:aws:iam::111122223333:role/ecsTaskRole",
                    "arn:aws:iam::111122223333:role/ecsTaskExecutionRole",
                ],
            },
        }
    ],
}


@pytest.fixture(scope="module")
def sample(
    templates: Callable[[dict[str, Any]], dict[str, Any]], context: dict[str, Any]
) -> dict[str, Any]:
    return templates(context["delivery"])


@pytest.fixture
def snapshot_json(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


def masked(value: Any) -> Any:
    """Without the hashes of assets, which change with every release of aws-cdk-lib."""
    if isinstance(value, dict):
        return {ASSET_HASH.sub("<asset>", key): masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return ASSET_HASH.sub("<asset>", value) if isinstance(value, str) else value


def test_the_sample_makes_these_stacks(sample: dict[str, Any]) -> None:
    assert sorted(sample) == sorted(STACKS)


@pytest.mark.parametrize("stack", STACKS)
def test_sample(stack: str, sample: dict[str, Any], snapshot_json: SnapshotAssertion) -> None:
    assert masked(sample[stack]) == snapshot_json


def test_an_existing_service_needs_only_registry_and_pipeline(
    templates: Callable[[dict[str, Any]], dict[str, Any]], snapshot_json: SnapshotAssertion
) -> None:
    made = templates(EXISTING)
    assert sorted(made) == [
        "delivery-monitoring",
        "delivery-my-app-pipeline",
        "delivery-my-app-registry",
        "delivery-shared",
    ]
    assert masked(made["delivery-my-app-pipeline"]) == snapshot_json
