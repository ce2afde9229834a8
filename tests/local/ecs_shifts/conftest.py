from collections.abc import Callable

import pytest

from local.cloud import Cloud
from tests.local.ecs_shifts.shifted import Shifted
from tests.local.ecs_shifts.shops import CLUSTER, add_services
from tests.local.shops.deployment import CdkDeploy


@pytest.fixture(scope="session")
def cdk_deploy(engine: Cloud, tmp_path_factory: pytest.TempPathFactory) -> CdkDeploy:
    return CdkDeploy(engine, CLUSTER, add_services, tmp_path_factory.mktemp(CLUSTER))


@pytest.fixture(scope="session")
def new_shop(engine: Cloud, cdk_deploy: CdkDeploy) -> Callable[[str], Shifted]:
    """Give one of the services, which are deployed once."""
    cdk_deploy()
    return lambda name: Shifted(engine, name, CLUSTER)
