import concurrent.futures
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.cloud import ACCOUNT, REGION, Cloud
from local.toolkit import Toolkit
from tests.local.monitoring import bot
from tests.local.monitoring.notifications import PIPELINE, Notifications


@pytest.fixture(scope="session")
def bot_assembly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Path]]:
    """The bot's stack; it is synthesized while the cloud starts."""
    folder = tmp_path_factory.mktemp("bot")
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit(bot.synthesize, folder / "cdk.out", pipeline=PIPELINE)


@pytest.fixture(scope="session")
def monitored(bot_assembly: Future[Path], engine: Cloud) -> Cloud:
    """The cloud, with notifications by the app's webhook, and of one pipeline by a bot too."""
    session = boto3.Session(
        aws_access_key_id=ACCOUNT, aws_secret_access_key="local", region_name=REGION
    )
    session.client("ssm", endpoint_url=engine.endpoint).put_parameter(
        Name=bot.PARAMETER, Value=bot.TOKEN, Type="SecureString"
    )
    Toolkit(
        environment=engine.environment,
        assembly=bot_assembly.result(),
        log=engine.folder / "bot.log",
    ).deploy()
    return engine


@pytest.fixture
def client(monitored: Cloud) -> Callable[[str], Any]:
    session = boto3.Session(
        aws_access_key_id=ACCOUNT, aws_secret_access_key="local", region_name=REGION
    )
    return lambda service: session.client(service, endpoint_url=monitored.endpoint)


@pytest.fixture
def webhook(monitored: Cloud) -> Notifications:
    """What the app's webhook gets from now on."""
    return Notifications(monitored.endpoint)


@pytest.fixture
def by_bot(monitored: Cloud) -> Notifications:
    """What the bot posts from now on."""
    return Notifications(monitored.endpoint, bot.CHANNEL)


@pytest.fixture(autouse=True)
def _the_cloud_stays_up(cloud: Cloud) -> Iterator[None]:
    log = cloud.folder / "emulator.log"
    before = len(log.read_text())
    yield
    said = log.read_text()[before:]
    assert "Traceback" not in said, said[-3000:]
