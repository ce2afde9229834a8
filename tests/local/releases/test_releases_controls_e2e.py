"""What a release must pass, what starts it, and what holds it."""

from collections.abc import Callable, Iterator

import pytest

from tests.local.emulator.driver import eventually
from tests.local.releases.shops import ALARM, WATCH_MINUTES
from tests.local.shops.shop import Pointer, Shop, fails

pytestmark = pytest.mark.e2e

GATE = "Gate"


def _not_yet_deployed(shop: Shop, execution: str) -> None:
    assert shop.status(execution) == "InProgress"
    assert shop.runs(execution, "Deploy") == []


@pytest.fixture
def gated(new_shop: Callable[[str], Shop]) -> Shop:
    return new_shop("gated")


def test_what_is_approved_is_deployed_and_nothing_before(gated: Shop) -> None:
    before = gated.pointer()
    with gated.unchanged():
        execution = gated.begin()
        gated.approval()
        _not_yet_deployed(gated, execution)
    gated.releases.approve(gated.name, GATE, "Approve", "as agreed")
    assert gated.end_of(execution).status == "Succeeded"
    image = gated.image_of(execution)
    assert gated.pointer().live == image != before.live
    gated.runs_only(image)


def test_what_is_rejected_is_not_deployed_and_the_reason_is_reported(gated: Shop) -> None:
    with gated.unchanged():
        execution = gated.begin()
        gated.approval()
        gated.releases.reject(gated.name, GATE, "Approve", "the migration is not through")
        fails(gated.end_of(execution), GATE, "the migration is not through")


def test_a_function_that_says_no_stops_the_release_and_sees_its_image(gated: Shop) -> None:
    with gated.unchanged():
        ended = gated.release(message="an unfit change")
    fails(ended, GATE, "unfit: ", gated.image_of(ended.id), "an unfit change")
    assert gated.runs(ended.id, "Approve") == []


def test_outside_of_its_window_a_release_waits_and_goes_on_when_it_opens(
    new_shop: Callable[[str], Shop],
) -> None:
    shop = new_shop("window")
    shop.forward_to(20)
    with shop.unchanged():
        execution = shop.begin()
        eventually(lambda: shop.evaluates(execution), 60)
        _not_yet_deployed(shop, execution)
        shop.forward_to(23)
        _not_yet_deployed(shop, execution)
    shop.forward_to(10)
    assert shop.end_of(execution).status == "Succeeded"
    shop.runs_only(shop.image_of(execution))
    assert shop.pointer().live == shop.image_of(execution)


def test_inside_of_its_window_a_release_goes_straight_on(
    new_shop: Callable[[str], Shop],
) -> None:
    shop = new_shop("window")
    shop.forward_to(10)
    assert shop.release().status == "Succeeded"


@pytest.fixture
def watched(new_shop: Callable[[str], Shop]) -> Iterator[Shop]:
    """The shop with the alarm, which is off at first."""
    shop = new_shop("watched")
    shop.set_alarm(ALARM, "OK")
    yield shop
    shop.set_alarm(ALARM, "OK")


def _healthy(shop: Shop) -> str:
    """Release, and let the time pass in which the alarm is watched."""
    execution = shop.begin()
    eventually(lambda: _evaluates_after(shop, execution), 60)
    shop.releases.wait_as_if(60 * WATCH_MINUTES)
    assert shop.end_of(execution).status == "Succeeded"
    return execution


def _evaluates_after(shop: Shop, execution: str) -> bool:
    """Return whether an execution is recorded and watched."""
    recorded = shop.runs(execution, "Record")
    return bool(recorded and recorded[0]["status"] == "Succeeded" and shop.evaluates(execution))


def test_an_alarm_that_is_on_keeps_a_release_out(watched: Shop) -> None:
    watched.set_alarm(ALARM, "ALARM")
    with watched.unchanged():
        execution = watched.begin()
        eventually(lambda: watched.evaluates(execution), 60)
        watched.releases.wait_as_if(60 * 10)
        ended = watched.end_of(execution)
    fails(ended, "Deploy", f"The CloudWatch alarm {ALARM} is in state ALARM")
    assert watched.runs(execution, "Deploy") == []


def test_an_alarm_after_the_deployment_rolls_back_and_the_pointer_follows(watched: Shop) -> None:
    good = watched.image_of(_healthy(watched))
    execution = watched.begin()
    eventually(lambda: _evaluates_after(watched, execution), 60)
    bad = watched.image_of(execution)
    assert watched.pointer() == Pointer(live=bad, previous=good)
    watched.set_alarm(ALARM, "ALARM")
    fails(watched.end_of(execution), "Deploy", f"The CloudWatch alarm {ALARM} is in state ALARM")

    assert watched.end_of(watched.rollback()).status == "Succeeded"
    assert watched.pointer() == Pointer(live=good, previous=bad)
    watched.runs_only(good)


@pytest.fixture
def frozen(new_shop: Callable[[str], Shop]) -> Iterator[Shop]:
    """The shop whose way into Deploy is closed."""
    shop = new_shop("frozen")
    yield shop
    shop.releases.disable_transition(shop.name, "Deploy", "Year end")


def test_a_frozen_release_waits_and_goes_on_when_the_way_is_opened(frozen: Shop) -> None:
    (deploy,) = (state for state in frozen.states() if state["stageName"] == "Deploy")
    transition = deploy["inboundTransitionState"]
    assert (transition["enabled"], transition["disabledReason"]) == (False, "Year end")
    with frozen.unchanged():
        execution = frozen.begin()
        frozen.waits(execution, "Deploy")
        _not_yet_deployed(frozen, execution)
    frozen.releases.enable_transition(frozen.name, "Deploy")
    assert frozen.end_of(execution).status == "Succeeded"
    assert frozen.pointer().live == frozen.image_of(execution)
    frozen.runs_only(frozen.pointer().live)


def test_of_a_monorepo_only_the_services_own_files_start_its_pipeline(frozen: Shop) -> None:
    before = frozen.commit()
    (execution,) = frozen.push(before)
    frozen.abandon(execution)
    assert frozen.push(frozen.changed(before, **{"services/other/app.mjs": "other"})) == []
    assert frozen.push(frozen.changed(before, **{"services/frozen/README.md": "words"})) == []
    assert frozen.push(frozen.commit(), branch="another") == []


def test_a_tag_starts_the_pipeline_with_the_commit_that_it_is_on(frozen: Shop) -> None:
    commit = frozen.commit()
    assert frozen.push(commit, branch="another") == []
    (execution,) = frozen.push(commit, branch="another", tag="v1.0")
    assert _revision(frozen, execution) == commit.id
    frozen.abandon(execution)
    assert frozen.push(frozen.commit(), branch="another", tag="nightly") == []


def test_a_pull_request_starts_the_pipeline_with_its_own_commit(frozen: Shop) -> None:
    frozen.abandon(frozen.begin())
    commit = frozen.commit()
    assert frozen.push(commit, branch="feature") == []
    request = {"repository": frozen.repository, "source": "feature", "destination": "main"}
    (execution,) = frozen.releases.pull_request("OPEN", **request)
    assert _revision(frozen, execution) == commit.id
    frozen.abandon(execution)
    assert frozen.releases.pull_request("CLOSED", **request) == []


def _revision(shop: Shop, execution: str) -> str:
    """The commit that an execution is of, once its source has ended."""

    def of() -> str | None:
        runs = shop.runs(execution, "Source")
        found: str | None = runs and runs[0]["output"]["outputVariables"].get("CommitId")
        return found

    return str(eventually(of))


def test_a_failed_build_is_started_once_more_and_can_then_succeed(
    new_shop: Callable[[str], Shop],
) -> None:
    shop = new_shop("retried")
    ended = shop.release(**{"fails-once": ""})
    assert ended.status == "Succeeded"
    assert [run["status"] for run in shop.runs(ended.id, "Build")] == ["Succeeded", "Failed"]
    assert shop.pointer().live == shop.image_of(ended.id)


def test_a_build_that_fails_again_is_given_up(new_shop: Callable[[str], Shop]) -> None:
    shop = new_shop("retried")
    with shop.unchanged():
        ended = shop.release(**{"services/retried/Dockerfile": "FROM node:24-alpine\nRUN exit 7\n"})
    fails(ended, "Build", "exit code: 7")
    assert [run["status"] for run in shop.runs(ended.id, "Build")] == ["Failed", "Failed"]
