"""Going back, by each of the ways that there are, and a recorder that dies in the middle."""

import contextlib
import io
import zipfile
from collections.abc import Callable, Iterator

import pytest

from container_pipelines._assets import shipped
from tests.local.releases.shop import SICK, Pointer, Shop, fails

pytestmark = pytest.mark.e2e

# The recorder's own code, but that it dies right after it has written the previous image.
_MORTAL = """\
import os, signal, sys
from release_recorder import handler
from release_recorder.pointer import Pointer

write = Pointer._put

def put(self, name, image):
    write(self, name, image)
    if name == self.previous_name:
        {death}

Pointer._put = put
handle = handler.handle
"""


def _two_releases(shop: Shop) -> tuple[str, str]:
    """Release twice; the executions."""
    first, second = shop.release(), shop.release()
    assert first.status == second.status == "Succeeded"
    return first.id, second.id


def _nothing_is_built(shop: Shop, execution: str, image: str) -> None:
    logs = shop.client("logs")
    build = shop.runs(execution, "Build")[0]["output"]["executionResult"]["externalExecutionId"]
    (found,) = shop.client("codebuild").batch_get_builds(ids=[build])["builds"]
    lines = [
        event["message"]
        for event in logs.get_log_events(
            logGroupName=found["logs"]["groupName"], logStreamName=found["logs"]["streamName"]
        )["events"]
    ]
    assert any(f"Releasing {image} again: nothing is built" in line for line in lines)
    assert {line.startswith("Building and pushing") for line in lines} == {False}


def test_back_to_the_previous_image_and_forth_again(shop: Shop) -> None:
    shop.released()
    assert shop.release().status == "Succeeded"
    before, images = shop.pointer(), shop.images()
    back = shop.start(IMAGE="previous")
    assert back.status == "Succeeded"
    assert shop.pointer() == Pointer(live=before.previous, previous=before.live)
    shop.runs_only(before.previous)
    _nothing_is_built(shop, back.id, before.previous)

    assert shop.start(IMAGE="previous").status == "Succeeded"
    assert shop.pointer() == before
    shop.runs_only(before.live)
    assert shop.images() == images


def test_back_to_any_image_by_its_digest(shop: Shop) -> None:
    oldest = shop.released().live
    assert shop.release().status == "Succeeded"
    before, images = shop.pointer(), shop.images()
    back = shop.start(IMAGE=oldest.partition("@")[2])
    assert back.status == "Succeeded"
    assert shop.pointer() == Pointer(live=oldest, previous=before.live)
    shop.runs_only(oldest)
    _nothing_is_built(shop, back.id, oldest)
    assert shop.images() == images


def test_an_image_that_is_not_there_or_no_image_at_all_is_refused(shop: Shop) -> None:
    shop.released()
    missing = f"sha256:{'0' * 64}"
    with shop.unchanged():
        fails(shop.start(IMAGE=missing), "Build", f"There is no image {shop.uri}@{missing}")
    with shop.unchanged():
        fails(shop.start(IMAGE="latest"), "Build", "'latest' is no image of")


def test_rolling_the_stage_back_records_as_well(shop: Shop) -> None:
    first, _ = _two_releases(shop)
    before = shop.pointer()
    rolled = shop.releases.roll_back_stage(shop.name, "Deploy", first)
    ended = shop.end_of(rolled)
    assert (ended.status, list(ended.stages)) == ("Succeeded", ["Deploy"])
    assert shop.pointer() == Pointer(live=shop.image_of(first), previous=before.live)
    shop.runs_only(shop.image_of(first))


def test_a_release_that_fails_rolls_the_stage_back_where_that_is_asked_for(
    new_shop: Callable[[str], Shop],
) -> None:
    shop = new_shop("rolled")
    assert shop.release().status == "Succeeded"
    good = shop.pointer()
    ended = shop.release(SICK)
    fails(ended, "Deploy", "circuit breaker")
    assert shop.end_of(shop.rollback()).status == "Succeeded"
    assert shop.pointer() == good
    shop.runs_only(good.live)


@contextlib.contextmanager
def _mortal_recorder(shop: Shop, death: str) -> Iterator[None]:
    functions = shop.client("lambda")
    (function,) = (
        found
        for found in functions.list_functions()["Functions"]
        if found["Handler"] == "release_recorder.handler.handle"
        and found["FunctionName"].startswith("shops-")
    )
    name = function["FunctionName"]

    def become(handler: str, code: bytes) -> None:
        functions.update_function_code(FunctionName=name, ZipFile=code)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)
        functions.update_function_configuration(FunctionName=name, Handler=handler)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    become("mortal.handle", _recorder(**{"mortal.py": _MORTAL.format(death=death)}))
    try:
        yield
    finally:
        become(function["Handler"], _recorder())


def _recorder(**more: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in sorted((shipped("lambda") / "release_recorder").glob("*.py")):
            archive.write(file, f"release_recorder/{file.name}")
        for name, text in more.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_a_retry_ends_what_a_recorder_began_that_was_killed_between_its_two_writes(
    shop: Shop,
) -> None:
    before = shop.released()
    with _mortal_recorder(shop, "os.kill(os.getpid(), signal.SIGKILL)"):
        ended = shop.release()
    fails(ended, "Deploy", "failed to return a result")
    image = shop.image_of(ended.id)
    assert shop.pointer() == Pointer(live=before.live, previous=before.live)
    shop.runs_only(image)

    again = shop.retry(ended.id)
    assert again.status == "Succeeded"
    assert len(shop.runs(ended.id, "Deploy")) == 1
    assert len(shop.runs(ended.id, "Record")) == 2
    assert shop.pointer() == Pointer(live=image, previous=before.live)
    shop.runs_only(image)


def test_a_pipeline_that_retries_by_itself_ends_it_without_anybody(
    new_shop: Callable[[str], Shop],
) -> None:
    shop = new_shop("retried")
    before = shop.released()
    with _mortal_recorder(shop, "sys.exit('out of memory')"):
        ended = shop.release()
    assert ended.status == "Succeeded"
    assert [run["status"] for run in shop.runs(ended.id, "Record")] == ["Succeeded", "Failed"]
    assert shop.pointer() == Pointer(live=shop.image_of(ended.id), previous=before.live)
    shop.runs_only(shop.pointer().live)


def test_what_a_deployment_of_the_app_has_replaced_before_it_was_recorded_stays_unrecorded(
    shop: Shop, cdk_deploy: Callable[[str], None]
) -> None:
    before = shop.released()
    with _mortal_recorder(shop, "sys.exit()"):
        lost = shop.release()
    assert lost.status == "Failed"
    cdk_deploy("meanwhile")
    shop.runs_only(before.live)
    with shop.unchanged():
        fails(
            shop.retry(lost.id),
            "Deploy",
            f"{shop.image_of(lost.id)} is superseded",
            f"The service runs {before.live}",
        )
