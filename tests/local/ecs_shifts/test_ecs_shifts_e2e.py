"""What docs/blue-green.md says of ECS's strategies: real pipelines, builds and containers."""

import concurrent.futures

import pytest

from tests.local.ecs_shifts.conftest import CdkDeploy
from tests.local.ecs_shifts.shifted import Shifted
from tests.local.ecs_shifts.shops import ALARM, VERDICT
from tests.local.emulator.driver import eventually
from tests.local.releases.shop import DEAD, SEED, Pointer, fails

pytestmark = pytest.mark.e2e

_HALF_AN_HOUR = 1800 / 20  # as long as it takes here


def test_the_first_deployment_runs_the_seed_and_the_first_release_replaces_it(
    shops: dict[str, Shifted],
) -> None:
    shop = shops["checked"]
    assert shop.pointer() == Pointer(live=SEED, previous=SEED)
    shop.runs_only(SEED)
    old = shop.live()
    with shop.never_empty():
        ended = shop.release()
    assert (ended.status, list(ended.stages)) == ("Succeeded", ["Source", "Build", "Deploy"])
    image = shop.image_of(ended.id)
    shop.runs_only(image)
    assert shop.pointer() == Pointer(live=image, previous=SEED)
    assert shop.weights() == shop.weights("testListenerRule") == {old: 0, shop.live(): 100}


def test_a_function_that_finds_fault_keeps_production_as_it_is(shops: dict[str, Shifted]) -> None:
    shop = shops["checked"]
    shop.released()
    ssm = shop.client("ssm")
    ssm.put_parameter(Name=VERDICT, Value="FAILED", Type="String", Overwrite=True)
    with shop.never_empty() as seen, shop.unchanged():
        fails(shop.release(), "Deploy", "has answered FAILED")
        assert "has answered FAILED" in shop.went_back()
    assert len(seen) == 1
    ssm.put_parameter(Name=VERDICT, Value="SUCCEEDED", Type="String", Overwrite=True)
    assert shop.release().status == "Succeeded"


def test_traffic_moves_in_the_steps_of_the_shift(shops: dict[str, Shifted]) -> None:
    shop = shops["stepwise"]
    old = shop.live()
    with shop.never_empty() as seen:
        ended = shop.release()
    assert ended.status == "Succeeded"
    assert [weights[old] for weights in seen] == [100, 60, 20, 0]
    assert {sum(weights.values()) == 100 for weights in seen} == {True}
    shop.runs_only(shop.image_of(ended.id))


def test_tasks_that_do_not_get_healthy_never_get_traffic(shops: dict[str, Shifted]) -> None:
    shop = shops["stepwise"]
    shop.released()
    with shop.never_empty() as seen, shop.unchanged():
        fails(shop.release(DEAD), "Deploy", "circuit breaker")
        assert "circuit breaker" in shop.went_back()
    assert len(seen) == 1


def test_a_changed_setting_is_shifted_too_and_the_next_release_keeps_it(
    shops: dict[str, Shifted], cdk_deploy: CdkDeploy
) -> None:
    shop = shops["stepwise"]
    before, old = shop.released(), shop.live()
    with shop.never_empty() as seen:
        cdk_deploy(stepwise="two")
    assert [weights[old] for weights in seen] == [100, 60, 20, 0]
    assert shop.pointer() == before
    shop.runs_only(before.live)
    (said,) = shop.answers()
    assert said["word"] == "two"
    with shop.never_empty():
        ended = shop.release()
    assert ended.status == "Succeeded"
    (said,) = shop.answers()
    assert said["word"] == "two"


def test_an_alarm_during_the_shift_goes_back(shops: dict[str, Shifted]) -> None:
    shop = shops["partly"]

    def alarm(state: str) -> None:
        shop.client("cloudwatch").set_alarm_state(
            AlarmName=ALARM, StateValue=state, StateReason="a test"
        )

    alarm("OK")
    _released(shop)
    with shop.never_empty(), shop.unchanged():
        execution = shop.begin()
        shop.shifts(10)
        alarm("ALARM")
        fails(shop.end_of(execution), "Deploy", ALARM)
        alarm("OK")
        assert ALARM in shop.went_back()


def test_a_stack_that_changes_in_the_middle_of_a_shift_takes_its_place(
    shops: dict[str, Shifted], cdk_deploy: CdkDeploy
) -> None:
    shop = shops["partly"]
    before = _released(shop)
    with shop.never_empty(), concurrent.futures.ThreadPoolExecutor() as pool:
        execution = shop.begin()
        shop.shifts(10)
        first = shop.newest()["serviceDeploymentArn"]
        deployed = pool.submit(cdk_deploy, partly="two")
        fails(shop.end_of(execution), "Deploy", "replaced")
        eventually(lambda: shop.newest()["serviceDeploymentArn"] != first)
        shop.shifts(10)
        shop.releases.wait_as_if(_HALF_AN_HOUR)
        deployed.result()
        shop.runs_only(before.live)
    assert shop.pointer() == before
    (said,) = shop.answers()
    assert said["word"] == "two"


def test_a_deployment_waits_until_somebody_lets_it_go_on_or_sends_it_back(
    shops: dict[str, Shifted],
) -> None:
    shop = shops["held"]
    old = shop.live()
    ecs = shop.client("ecs")
    with shop.never_empty():
        execution = shop.begin()
        hook = shop.waiting_hook()
        test = shop.weights("testListenerRule")
        assert (shop.live(), test[old]) == (old, 0)
        ecs.continue_service_deployment(**hook, action="CONTINUE")
        assert shop.end_of(execution).status == "Succeeded"
        shop.runs_only(shop.image_of(execution))
    with shop.never_empty() as seen, shop.unchanged():
        execution = shop.begin()
        ecs.continue_service_deployment(**shop.waiting_hook(), action="ROLLBACK")
        fails(shop.end_of(execution), "Deploy", "ROLLBACK")
        shop.went_back()
    assert len(seen) == 1


def _released(shop: Shifted) -> Pointer:
    """Release the canary's service unless something is live already."""
    if shop.pointer().live == SEED:
        old = shop.live()
        with shop.never_empty() as seen:
            execution = shop.begin()
            shop.shifts(10)
            eventually(lambda: len(seen) == 2)
            shop.releases.wait_as_if(_HALF_AN_HOUR)
            assert shop.end_of(execution).status == "Succeeded"
        assert [weights[old] for weights in seen] == [100, 90, 0]
    return shop.pointer()
