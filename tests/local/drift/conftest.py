from collections.abc import Callable

import pytest

from local.cloud import Cloud
from tests.local.drift.shops import CLUSTER, add_services
from tests.local.shops.deployment import CdkDeploy
from tests.local.shops.shop import Shop


@pytest.fixture(scope="session")
def cdk_deploy(engine: Cloud, tmp_path_factory: pytest.TempPathFactory) -> CdkDeploy:
    return CdkDeploy(engine, CLUSTER, add_services, tmp_path_factory.mktemp(CLUSTER))


@pytest.fixture(scope="session")
def new_shop(engine: Cloud, cdk_deploy: CdkDeploy) -> Callable[[str], Shop]:
    """Give one of the services, which are deployed once."""
    cdk_deploy()
    return lambda name: Shop(engine, name, CLUSTER)
