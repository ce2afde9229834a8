import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cloud import Cloud
from local.deployment import deployed_cloud

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A local cloud with the sample settings deployed; one for the whole session."""
    folder = tmp_path_factory.mktemp("cloud")
    with deployed_cloud(folder, engine_cache=ROOT / ".cache" / "engine") as cloud:
        yield cloud


@pytest.fixture(scope="session")
def engine(cloud: Cloud) -> Cloud:
    """The cloud, with a container engine: without one, CI fails and others are told."""
    if cloud.engine is None:
        message = f"not run, for want of a container engine: {cloud.unavailable}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return cloud
