"""Waiting, what is said meanwhile, and requests that are sent meanwhile."""

import threading

import pytest

from acceptance.errors import UnexpectedError
from acceptance.progress import Progress
from acceptance.traffic import Requests
from tests.acceptance.fakes import Clock


def test_waiting_ends_as_soon_as_something_is_there(progress: Progress, clock: Clock) -> None:
    looks = iter([None, None, "there"])
    assert progress.until(lambda: next(looks), what="it", seconds=60) == "there"
    assert clock.now == 2


def test_waiting_has_an_end(progress: Progress, clock: Clock) -> None:
    with pytest.raises(UnexpectedError, match="a release: not within 2 min"):
        progress.until(lambda: None, what="a release", seconds=120)
    assert clock.now == 120


def test_a_line_is_said_when_it_is_new_and_each_minute(
    progress: Progress, said: list[str], clock: Clock
) -> None:
    progress.begin("3 of 9: bad image")
    for _ in range(130):
        progress.note("stage Deploy InProgress")
        clock.sleep(1)
    progress.note("stage Deploy Failed")
    assert said == [
        "… 3 of 9: bad image",
        "… 3 of 9: bad image, stage Deploy InProgress",
        "… 3 of 9: bad image, stage Deploy InProgress 1 min",
        "… 3 of 9: bad image, stage Deploy InProgress 2 min",
        "… 3 of 9: bad image, stage Deploy Failed",
    ]


def test_requests_are_counted_and_those_that_fail_are_told() -> None:
    answers = iter([(200, "fine"), (503, "no target"), (0, "refused")])
    over = threading.Event()

    def request(_: str) -> tuple[int, str]:
        answer = next(answers, None)
        if answer is None:
            over.set()
            return 200, ""
        return answer

    with Requests("http://service", request=request, pause=0) as requests:
        assert over.wait(10)
    assert requests.failures == ["503: no target", "no answer: refused"]
    assert str(requests).endswith("requests meanwhile, 2 failed (503: no target)")
