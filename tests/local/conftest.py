from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from local.cloud import Cloud
from local.deployment import deployed_cloud
from local.permissions import denied_calls

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A local cloud with the sample settings deployed; one for the whole session."""
    folder = tmp_path_factory.mktemp("cloud")
    with deployed_cloud(folder, engine_cache=ROOT / ".cache" / "engine") as cloud:
        yield cloud
        denied = denied_calls(cloud.endpoint)
        assert not denied, "AWS would have denied:\n" + "\n".join(map(str, denied))


@pytest.fixture(scope="session")
def engine(cloud: Cloud, without_engine: Callable[[object], NoReturn]) -> Cloud:
    """The cloud, with a container engine."""
    if cloud.engine is None:
        without_engine(cloud.unavailable)
    return cloud


@pytest.fixture(autouse=True)
def _the_cloud_stays_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check, where a test has the cloud, that nothing in it has broken meanwhile."""
    if "cloud" not in request.fixturenames:
        yield
        return
    log = request.getfixturevalue("cloud").folder / "emulator.log"
    before = len(log.read_text())
    yield
    said = log.read_text()[before:]
    assert "Traceback" not in said, said[-3000:]
