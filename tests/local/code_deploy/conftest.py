from collections.abc import Callable, Iterator

import pytest

from local.cloud import Cloud
from local.toolkit import Toolkit
from tests.local.code_deploy.blue import Blue
from tests.local.code_deploy.blues import BLUES, VERDICT, synthesize


@pytest.fixture(scope="session")
def cdk_deploy(engine: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Deploy the services by the CDK CLI, with a value of the variable WORD of one of them."""

    def deploy(word: str) -> None:
        folder = tmp_path_factory.mktemp("blues")
        Toolkit(
            environment=engine.environment,
            assembly=synthesize(folder / "cdk.out", word=word),
            log=engine.folder / "blues.log",
        ).deploy()

    return deploy


@pytest.fixture(scope="session")
def blues(engine: Cloud, cdk_deploy: Callable[[str], None]) -> dict[str, Blue]:
    """The services, deployed once."""
    cdk_deploy("one")
    found = {name: Blue(engine, name) for name in BLUES}
    ssm = found["hooked"].client("ssm")
    ssm.put_parameter(Name=VERDICT, Value="Succeeded", Type="String")
    return found


@pytest.fixture(autouse=True)
def _the_cloud_stays_up(cloud: Cloud) -> Iterator[None]:
    log = cloud.folder / "emulator.log"
    before = len(log.read_text())
    yield
    said = log.read_text()[before:]
    assert "Traceback" not in said, said[-3000:]
