"""What docs/releases.md promises of a release, a deployment of the app, and a failed release."""

from collections.abc import Callable

import pytest

from local.recorded import Recorded
from tests.local.releases.shops import RECORD_PIPELINE
from tests.local.shops.deployment import CdkDeploy
from tests.local.shops.shop import DEAD, GOOD, SEED, SICK, Pointer, Shop, fails

pytestmark = pytest.mark.e2e


def test_the_first_deployment_runs_the_seed_and_the_first_release_keeps_it_as_no_previous_image(
    new_shop: Callable[[str], Shop],
) -> None:
    shop = new_shop("first")
    assert shop.images() == set()
    assert shop.pointer() == Pointer(live=SEED, previous=SEED)
    shop.runs_only(SEED)

    released = shop.release()
    assert (released.status, list(released.stages)) == ("Succeeded", ["Source", "Build", "Deploy"])
    image = shop.image_of(released.id)
    assert image.startswith(f"{shop.uri}@sha256:")
    assert shop.pointer() == Pointer(live=image, previous=SEED)
    shop.runs_only(image)
    parameter = "/container-pipelines/first/image"
    assert shop.releases.recorded("first") == Recorded(parameter=parameter, image=image)
    assert shop.output(released.id, "Record") == {
        "Image": image,
        "Digest": image.partition("@")[2],
        "PreviousImage": SEED,
        "TaskDefinition": shop.service()["taskDefinition"],
    }

    with shop.unchanged():
        back = shop.start(IMAGE="previous")
    fails(back, "Build", f"Nothing to go back to: '{SEED}' is no image of {shop.uri} by digest")


def test_a_changed_setting_keeps_the_live_image_and_the_next_release_keeps_the_setting(
    shop: Shop, cdk_deploy: CdkDeploy
) -> None:
    before = shop.released()
    (said,) = shop.answers()
    cdk_deploy(shop="another")
    assert shop.pointer() == before
    shop.runs_only(before.live)
    assert shop.answers() == [{**said, "word": "another"}]

    released = shop.release()
    assert released.status == "Succeeded"
    image = shop.image_of(released.id)
    assert shop.pointer() == Pointer(live=image, previous=before.live)
    shop.runs_only(image)
    assert shop.tagged("live") == image
    assert shop.tagged("previous") == before.live
    (now,) = shop.answers()
    assert now["word"] == "another"
    assert now["words"] != said["words"]


@pytest.mark.parametrize(
    ("app", "reasons"),
    [(SICK, ["Task failed ELB health checks"]), (DEAD, ["Essential container", "exit code 3"])],
    ids=["fails its health check", "exits at once"],
)
def test_an_image_that_does_not_get_healthy_changes_nothing_and_the_next_release_is_free(
    shop: Shop, app: str, reasons: list[str]
) -> None:
    shop.released()
    with shop.unchanged():
        ended = shop.release(app)
    fails(ended, "Deploy", "ECS deployment circuit breaker")
    bad = shop.image_of(ended.id)

    # What the recorder says of it, where the deploy action says nothing.
    with shop.unchanged():
        recorded = shop.end_of(shop.releases.start(RECORD_PIPELINE, RECORD=bad), RECORD_PIPELINE)
    fails(
        recorded,
        "Record",
        f"{bad} is not live: ECS rolled the deployment back",
        "circuit breaker",
        *reasons,
        f"The service runs {shop.pointer().live}",
    )

    before = shop.pointer()
    good = shop.release(GOOD)
    assert good.status == "Succeeded"
    assert shop.pointer() == Pointer(live=shop.image_of(good.id), previous=before.live)
    shop.runs_only(shop.pointer().live)


@pytest.mark.parametrize("name", ["shop", "retried"], ids=["SUPERSEDED", "QUEUED"])
def test_two_pushes_at_once_never_deploy_together_and_end_on_what_is_live(
    new_shop: Callable[[str], Shop], name: str
) -> None:
    shop = new_shop(name)
    before = shop.released()
    first, second = shop.begin(), shop.begin()
    ended = {execution: shop.end_of(execution) for execution in (first, second)}
    assert ended[second].status == "Succeeded"
    assert ended[first].status in ("Succeeded", "Superseded" if name == "shop" else "Succeeded")
    through = [shop.image_of(each) for each in ended if ended[each].status == "Succeeded"]
    live, previous = [before.live, *through][::-1][:2]
    assert shop.pointer() == Pointer(live=live, previous=previous)
    shop.runs_only(live)
    deployed = [run for each in ended for run in shop.runs(each) if run["stageName"] == "Deploy"]
    (one, *other) = (
        [run for run in deployed if run["pipelineExecutionId"] == execution]
        for execution in ended
        if any(run["pipelineExecutionId"] == execution for run in deployed)
    )
    for later in other:
        assert max(run["lastUpdateTime"] for run in one) <= min(run["startTime"] for run in later)
