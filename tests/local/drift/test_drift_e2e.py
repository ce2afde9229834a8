"""What docs/releases.md says of a service that runs another image than the recorded one."""

import json
from collections.abc import Callable
from typing import Any

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
        # CloudFormation's rollback, to the image of the last update that succeeded, and its end.
        # Nobody may have looked in between: the CLI takes longer to return than the detector.
        eventually(lambda: shop.deployed()[:2] == [before.live, SEED], _SECONDS)
        eventually(lambda: len(shop.service()["deployments"]) == 1, _SECONDS)
    shop.runs_only(before.live)
    assert shop.pointer() == before
    assert not monitor.failures


def put_live_by_hand(shop: Shop) -> None:
    """Update the service with the revision that it was made with, as a person may."""
    family = shop.service()["taskDefinition"].rpartition(":")[0]
    shop.client("ecs").update_service(
        cluster=CLUSTER, service=shop.name, taskDefinition=f"{family}:1"
    )
    assert shop.deployed()[0] == SEED


def newest(shop: Shop) -> dict[str, Any]:
    """The pipeline's newest execution."""
    found: dict[str, Any] = shop.client("codepipeline").list_pipeline_executions(
        pipelineName=shop.name
    )["pipelineExecutionSummaries"][0]
    return found


def incident(shop: Shop) -> dict[str, Any]:
    """What the drift detector remembers."""
    found = shop.client("ssm").get_parameters(
        Names=[f"/container-pipelines/{shop.name}/image-drift"]
    )
    values = [parameter["Value"] for parameter in found["Parameters"]]
    known: dict[str, Any] = json.loads(values[0]) if values and values != ["none"] else {}
    return known


def test_a_release_of_the_live_image_asks_for_approval_as_any_other(
    new_shop: Callable[[str], Shop],
) -> None:
    shop = new_shop("approved-first")
    execution = shop.begin()
    shop.approval()
    shop.releases.approve(shop.name, "Gate", "Approve")
    assert shop.end_of(execution).status == "Succeeded"
    before = shop.pointer()
    put_live_by_hand(shop)
    eventually(lambda: newest(shop)["pipelineExecutionId"] != execution, _SECONDS)
    restore = newest(shop)["pipelineExecutionId"]
    eventually(lambda: incident(shop).get("notified") == ["RESTORING"], _SECONDS)
    shop.approval()
    shop.releases.approve(shop.name, "Gate", "Approve")
    assert shop.end_of(restore).status == "Succeeded"
    assert shop.pointer() == before
    shop.runs_only(before.live)


def test_frozen_releases_stay_frozen_until_somebody_lets_them_go(
    new_shop: Callable[[str], Shop], tick: Callable[[Shop], None]
) -> None:
    shop = new_shop("rolling")
    before = shop.released()
    # A failed deployment of the stack, which is another service's as well, may lie just behind.
    eventually(lambda: shop.container()["image"] == before.live, _SECONDS)
    eventually(lambda: newest(shop)["status"] != "InProgress", _SECONDS)
    last = newest(shop)["pipelineExecutionId"]
    transition = {"pipelineName": "rolling", "stageName": "Deploy", "transitionType": "Inbound"}
    pipeline = shop.client("codepipeline")
    pipeline.disable_stage_transition(**transition, reason="Year end")
    put_live_by_hand(shop)
    eventually(lambda: incident(shop).get("notified") == ["FROZEN"], _SECONDS)
    assert newest(shop)["pipelineExecutionId"] == last
    pipeline.enable_stage_transition(**transition)
    tick(shop)
    eventually(lambda: newest(shop)["pipelineExecutionId"] != last, _SECONDS)
    assert shop.end_of(newest(shop)["pipelineExecutionId"]).status == "Succeeded"
    shop.runs_only(before.live)
