"""What docs/blue-green.md says of CodeDeploy: real pipelines, builds and containers."""

from collections.abc import Callable

import pytest

from tests.local.code_deploy.blue import Blue
from tests.local.code_deploy.blues import ALARM, CLUSTER, VERDICT
from tests.local.emulator.driver import eventually
from tests.local.releases.shop import SEED, SICK, Pointer, fails

pytestmark = pytest.mark.e2e

_HOUR = 3600 / 20  # as long as it takes here
_SECONDS = 120.0


def live(weights: dict[str, int]) -> list[str]:
    """The target groups that get traffic."""
    return [group for group, weight in weights.items() if weight]


def test_the_first_deployment_runs_the_seed_and_the_first_release_replaces_it(
    blues: dict[str, Blue],
) -> None:
    blue = blues["seeded"]
    assert blue.pointer() == Pointer(live=SEED, previous=SEED)
    blue.runs_only(SEED)
    (seed,) = blue.sets()
    with blue.never_empty() as seen:
        ended = blue.release()
    assert (ended.status, list(ended.stages)) == ("Succeeded", ["Source", "Build", "Deploy"])
    image = blue.image_of(ended.id)
    blue.runs_only(image)
    assert blue.pointer() == Pointer(live=image, previous=SEED)
    (now,) = blue.sets()
    old, new = (each["loadBalancers"][0]["targetGroupArn"] for each in (seed, now))
    assert old != new
    assert (seen[-1], blue.weights("testTrafficRoute")) == ({old: 0, new: 100}, {old: 0, new: 100})
    assert now["externalId"] == blue.deployment(ended.id)
    assert blue.releases.deploy_targets("seeded") == (CLUSTER, "seeded")


def test_traffic_moves_in_the_steps_of_the_shift(blues: dict[str, Blue]) -> None:
    blue = blues["linear"]
    (before,) = blue.sets()
    old = before["loadBalancers"][0]["targetGroupArn"]
    with blue.never_empty() as seen:
        ended = blue.release()
    assert ended.status == "Succeeded"
    # A rule that no deployment has touched names one group, without weights.
    steps = [weights for weights in seen if len(weights) == 2]
    assert [weights[old] for weights in steps] == [100, 60, 20, 0]
    assert {sum(weights.values()) == 100 for weights in steps} == {True}
    blue.runs_only(blue.image_of(ended.id))


def test_tasks_that_do_not_get_healthy_go_back_after_an_hour(blues: dict[str, Blue]) -> None:
    blue = blues["linear"]
    with blue.never_empty(), blue.unchanged():
        execution = blue.begin(SICK)
        deployment = blue.deployment(execution)
        eventually(lambda: len(blue.sets()) == 2, _SECONDS)
        assert blue.shifted() == 0
        blue.releases.wait_as_if(_HOUR + 1)
        fails(blue.end_of(execution), "Deploy", deployment, "TIMEOUT", "60 minutes")
        assert blue.went_back(deployment)["code"] == "TIMEOUT"


def test_a_function_that_finds_fault_keeps_production_as_it_is(blues: dict[str, Blue]) -> None:
    blue = blues["hooked"]
    ssm = blue.client("ssm")
    ssm.put_parameter(Name=VERDICT, Value="Failed", Type="String", Overwrite=True)
    with blue.never_empty() as seen, blue.unchanged():
        ended = blue.release()
        ssm.put_parameter(Name=VERDICT, Value="Succeeded", Type="String", Overwrite=True)
        fails(ended, "Deploy", "HOOK_EXECUTION_FAILURE", "AfterAllowTestTraffic")
        blue.went_back(blue.deployment(ended.id))
    assert len({tuple(live(weights)) for weights in seen}) == 1
    # The same files once more: the function has nothing to say against them now.
    assert blue.retry(ended.id).status == "Succeeded"
    blue.runs_only(blue.image_of(ended.id))


def test_an_alarm_during_the_shift_goes_back(blues: dict[str, Blue]) -> None:
    blue = blues["canary"]

    def alarm(state: str) -> None:
        blue.client("cloudwatch").set_alarm_state(
            AlarmName=ALARM, StateValue=state, StateReason="a test"
        )

    with blue.never_empty(), blue.unchanged():
        execution = blue.begin()
        deployment = blue.deployment(execution)
        eventually(lambda: blue.shifted() == 10, _SECONDS)
        alarm("ALARM")
        ended = blue.end_of(execution)
        alarm("OK")
        fails(ended, "Deploy", deployment, "ALARM_ACTIVE", ALARM)
        blue.went_back(deployment)


def test_a_release_waits_until_somebody_lets_it_go_on_or_time_is_over(
    blues: dict[str, Blue],
) -> None:
    blue = blues["approved"]
    api = blue.client("codedeploy")
    with blue.never_empty(), blue.unchanged():
        execution = blue.begin()
        deployment = blue.deployment(execution)
        blue.becomes(deployment, "Ready")
        blue.releases.wait_as_if(2 * _HOUR + 1)
        fails(blue.end_of(execution), "Deploy", deployment, "within 120 minutes")
        blue.went_back(deployment)
    with blue.never_empty():
        execution = blue.begin()
        deployment = blue.deployment(execution)
        blue.becomes(deployment, "Ready")
        assert blue.shifted() == 0
        new = blue.sets()[1]["loadBalancers"][0]["targetGroupArn"]
        assert live(blue.weights("testTrafficRoute")) == [new]
        api.continue_deployment(deploymentId=deployment, deploymentWaitType="READY_WAIT")
        assert blue.end_of(execution).status == "Succeeded"
    blue.runs_only(blue.image_of(execution))


def test_a_changed_setting_ships_with_the_next_release_and_never_touches_the_traffic(
    blues: dict[str, Blue], cdk_deploy: Callable[[str], None]
) -> None:
    blue = blues["canary"]
    with blue.never_empty() as seen:
        execution = blue.begin()
        blue.deployment(execution)
        eventually(lambda: blue.shifted() == 10, _SECONDS)
        shifting = blue.weights()
        cdk_deploy("two")  # in the middle of the shift
        assert (blue.weights(), len(blue.sets())) == (shifting, 2)
        blue.releases.wait_as_if(_HOUR + 1)
        assert blue.end_of(execution).status == "Succeeded"
        blue.runs_only(blue.image_of(execution))
        (said,) = blue.answers()
        assert said["word"] == "one"
        swapped = blue.weights()
        assert live(seen[0]) != live(swapped)

        execution = blue.begin()
        blue.deployment(execution)
        eventually(lambda: blue.shifted() == 10, _SECONDS)
        blue.releases.wait_as_if(_HOUR + 1)
        assert blue.end_of(execution).status == "Succeeded"
        (said,) = blue.answers()
        assert said["word"] == "two"

        swapped, tasks = blue.weights(), {task["taskArn"] for task in blue.tasks()}
        cdk_deploy("three")  # after the swap
        assert blue.weights() == swapped
        assert {task["taskArn"] for task in blue.tasks()} == tasks
