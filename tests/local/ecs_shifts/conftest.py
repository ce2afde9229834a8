from collections.abc import Iterator
from typing import Protocol

import pytest

from local.cloud import Cloud
from local.toolkit import Toolkit
from tests.local.ecs_shifts.shifted import Shifted
from tests.local.ecs_shifts.shops import SHOPS, synthesize


class CdkDeploy(Protocol):
    """Deploys the services by the CDK CLI."""

    def __call__(self, **words: str) -> None:
        """Give services these values of their variable WORD; the others keep theirs."""


@pytest.fixture(scope="session")
def cdk_deploy(engine: Cloud, tmp_path_factory: pytest.TempPathFactory) -> CdkDeploy:
    said = {"stepwise": "one", "partly": "one"}

    def deploy(**words: str) -> None:
        said.update(words)
        folder = tmp_path_factory.mktemp("shifts")
        Toolkit(
            environment=engine.environment,
            assembly=synthesize(folder / "cdk.out", said),
            log=engine.folder / "shifts.log",
        ).deploy()

    return deploy


@pytest.fixture(scope="session")
def shops(engine: Cloud, cdk_deploy: CdkDeploy) -> dict[str, Shifted]:
    """The services, deployed once."""
    cdk_deploy()
    return {name: Shifted(engine, name) for name in SHOPS}


@pytest.fixture(autouse=True)
def _the_cloud_stays_up(cloud: Cloud) -> Iterator[None]:
    log = cloud.folder / "emulator.log"
    before = len(log.read_text())
    yield
    said = log.read_text()[before:]
    assert "Traceback" not in said, said[-3000:]
