"""What docs/releases.md says of a service that runs another image than the recorded one."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.availability import AvailabilityMonitor
from local.cloud import Cloud
from local.service_url import service_url
from local.toolkit import ToolkitError
from tests.local.drift.shops import ALARM, ALARM_WAIT_MINUTES, CLUSTER
from tests.local.emulator.driver import eventually
from tests.local.shops.deployment import CdkDeploy
from tests.local.shops.shop import SEED, Shop, fails

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


def incident_parameter(shop: Shop) -> str:
    """Where the drift detector remembers it."""
    return f"/container-pipelines/{shop.name}/image-drift"


def incident(shop: Shop) -> dict[str, Any]:
    """What the drift detector remembers."""
    found = shop.client("ssm").get_parameters(Names=[incident_parameter(shop)])
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


@pytest.fixture
def held_back(new_shop: Callable[[str], Shop]) -> Iterator[Shop]:
    """The shop with a window and an alarm, which is off, after a release."""
    shop = new_shop("held-back")
    shop.set_alarm(ALARM, "OK")
    shop.forward_to(10)
    shop.released()
    yield shop
    shop.set_alarm(ALARM, "OK")


def restore_of(shop: Shop, last: str) -> str:
    """The execution that the drift detector starts after another, once it is held back."""
    eventually(lambda: newest(shop)["pipelineExecutionId"] != last, _SECONDS)
    execution: str = newest(shop)["pipelineExecutionId"]
    eventually(lambda: shop.evaluates(execution), _SECONDS)
    assert shop.runs(execution, "Deploy") == []
    assert incident(shop)["notified"] == ["RESTORING"]
    return execution


def test_outside_of_the_window_the_release_of_the_live_image_waits(held_back: Shop) -> None:
    before, last = held_back.pointer(), newest(held_back)["pipelineExecutionId"]
    held_back.forward_to(20)
    put_live_by_hand(held_back)
    execution = restore_of(held_back, last)
    held_back.forward_to(10)
    assert held_back.end_of(execution).status == "Succeeded"
    assert held_back.pointer() == before
    held_back.runs_only(before.live)


def test_while_an_alarm_is_on_the_live_image_is_released_again_and_again(
    held_back: Shop, tick: Callable[[Shop], None]
) -> None:
    before, last = held_back.pointer(), newest(held_back)["pipelineExecutionId"]
    held_back.set_alarm(ALARM, "ALARM")
    put_live_by_hand(held_back)
    first = restore_of(held_back, last)
    held_back.releases.wait_as_if(60 * ALARM_WAIT_MINUTES)
    fails(held_back.end_of(first), "Deploy", f"The CloudWatch alarm {ALARM} is in state ALARM")
    tick(held_back)
    assert newest(held_back)["pipelineExecutionId"] == first
    # As if the release had been started ten minutes earlier.
    known = incident(held_back)
    known["last"][1] -= 600
    held_back.client("ssm").put_parameter(
        Name=incident_parameter(held_back), Value=json.dumps(known), Overwrite=True
    )
    tick(held_back)
    second = restore_of(held_back, first)
    held_back.set_alarm(ALARM, "OK")
    assert held_back.end_of(second).status == "Succeeded"
    assert held_back.pointer() == before
    held_back.runs_only(before.live)
