import pytest

from local.cloud import Cloud
from tests.local.probes.probed import synthesize
from tests.local.shops.deployment import deploy


@pytest.fixture(scope="session")
def probed(engine: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    """The cloud, with the app deployed."""
    deploy(engine, synthesize(tmp_path_factory.mktemp("probed") / "cdk.out"))
    return engine
