import json
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


@pytest.fixture
def tick() -> Callable[[Shop], None]:
    """Do what the schedule of a service's rule does, without waiting for it."""

    def call(shop: Shop) -> None:
        events = shop.client("events")
        for rule in events.list_rules()["Rules"]:
            if not rule.get("ScheduleExpression"):
                continue
            for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                if json.loads(target["Input"])["pipeline"] == shop.name:
                    shop.client("lambda").invoke(
                        FunctionName=target["Arn"], Payload=target["Input"].encode()
                    )

    return call
