import concurrent.futures
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from local.cloud import Cloud
from local.toolkit import Toolkit
from tests.local.probes.probed import synthesize


@pytest.fixture(scope="session")
def probed_assembly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Path]]:
    """The app; it is synthesized while the cloud starts."""
    folder = tmp_path_factory.mktemp("probed")
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit(synthesize, folder / "cdk.out")


@pytest.fixture(scope="session")
def probed(probed_assembly: Future[Path], engine: Cloud) -> Cloud:
    """The cloud, with the app deployed."""
    Toolkit(
        environment=engine.environment,
        assembly=probed_assembly.result(),
        log=engine.folder / "probed.log",
    ).deploy()
    return engine
