from collections.abc import Callable
from typing import Any

import pytest

from local.clients import clients
from local.cloud import Cloud
from tests.local.monitoring import bot
from tests.local.monitoring.notifications import PIPELINE, Notifications
from tests.local.shops.deployment import deploy


@pytest.fixture(scope="session")
def monitored(engine: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Cloud:
    """The cloud, with notifications by the app's webhook, and of one pipeline by a bot too."""
    clients(engine.endpoint)("ssm").put_parameter(
        Name=bot.PARAMETER, Value=bot.TOKEN, Type="SecureString"
    )
    folder = tmp_path_factory.mktemp("bot")
    deploy(engine, bot.synthesize(folder / "cdk.out", pipeline=PIPELINE))
    return engine


@pytest.fixture
def client(monitored: Cloud) -> Callable[[str], Any]:
    return clients(monitored.endpoint)


@pytest.fixture
def webhook(monitored: Cloud) -> Notifications:
    """What the app's webhook gets from now on."""
    return Notifications(monitored.endpoint)


@pytest.fixture
def by_bot(monitored: Cloud) -> Notifications:
    """What the bot posts from now on."""
    return Notifications(monitored.endpoint, bot.CHANNEL)
