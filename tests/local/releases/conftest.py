from collections.abc import Callable, Iterator

import pytest

from local.cloud import Cloud
from local.toolkit import Toolkit
from tests.local.releases.shop import Shop
from tests.local.releases.shops import CLUSTER, synthesize


@pytest.fixture(scope="session")
def cdk_deploy(engine: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Deploy the shops by the CDK CLI, with a value of the variable WORD of one of them."""

    def deploy(word: str) -> None:
        folder = tmp_path_factory.mktemp("shops")
        Toolkit(
            environment=engine.environment,
            assembly=synthesize(folder / "cdk.out", word=word),
            log=engine.folder / "shops.log",
        ).deploy()

    return deploy


@pytest.fixture(scope="session")
def new_shop(engine: Cloud, cdk_deploy: Callable[[str], None]) -> Callable[[str], Shop]:
    """Give one of the shops, which are deployed once."""
    cdk_deploy("one")
    return lambda name: Shop(engine, name, CLUSTER)


@pytest.fixture
def shop(new_shop: Callable[[str], Shop]) -> Shop:
    return new_shop("shop")


@pytest.fixture(autouse=True)
def _the_cloud_stays_up(cloud: Cloud) -> Iterator[None]:
    log = cloud.folder / "emulator.log"
    before = len(log.read_text())
    yield
    said = log.read_text()[before:]
    assert "Traceback" not in said, said[-3000:]
