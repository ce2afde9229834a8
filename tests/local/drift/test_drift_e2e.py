"""What docs/releases.md says of a service that runs another image than the recorded one."""

from collections.abc import Callable

import pytest

from local.availability import AvailabilityMonitor
from local.cloud import Cloud
from local.service_url import service_url
from local.toolkit import ToolkitError
from tests.local.drift.shops import CLUSTER
from tests.local.emulator.driver import eventually
from tests.local.shops.deployment import CdkDeploy
from tests.local.shops.shop import SEED, Shop

pytestmark = pytest.mark.e2e

_SECONDS = 120.0


@pytest.mark.parametrize("name", ["rolling", "shifting"])
def test_after_a_failed_cdk_deploy_the_live_image_runs_again(
    engine: Cloud, new_shop: Callable[[str], Shop], cdk_deploy: CdkDeploy, name: str
) -> None:
    shop = new_shop(name)
    before = shop.released()
    url = service_url(engine.endpoint, CLUSTER, name)
    assert url is not None
    with AvailabilityMonitor(url) as monitor:
        with pytest.raises(ToolkitError, match="Circuit Breaker"):
            cdk_deploy(**{name: "sick"})
        # The image of the last update of the stack that succeeded.
        eventually(lambda: shop.container()["image"] == SEED, _SECONDS)
        eventually(lambda: shop.container()["image"] == before.live, _SECONDS)
        eventually(lambda: len(shop.service()["deployments"]) == 1, _SECONDS)
    shop.runs_only(before.live)
    assert shop.pointer() == before
    assert not monitor.failures
