from collections.abc import Callable

import pytest

from local.cloud import Cloud
from tests.local.code_deploy.blue import Blue
from tests.local.code_deploy.blues import CLUSTER, VERDICT, add_services
from tests.local.shops.deployment import CdkDeploy


@pytest.fixture(scope="session")
def cdk_deploy(engine: Cloud, tmp_path_factory: pytest.TempPathFactory) -> CdkDeploy:
    return CdkDeploy(engine, CLUSTER, add_services, tmp_path_factory.mktemp(CLUSTER))


@pytest.fixture(scope="session")
def new_blue(engine: Cloud, cdk_deploy: CdkDeploy) -> Callable[[str], Blue]:
    """Give one of the services, which are deployed once."""
    cdk_deploy()
    parameters = Blue(engine, "hooked", CLUSTER).client("ssm")
    parameters.put_parameter(Name=VERDICT, Value="Succeeded", Type="String")
    return lambda name: Blue(engine, name, CLUSTER)
