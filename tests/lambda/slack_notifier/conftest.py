"""Events, AWS and Slack for the notifier's tests.

`tests.lambda` cannot be named in an import statement: `lambda` is a keyword.
"""

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from slack_notifier.notifier import Notifier
from slack_notifier.settings import Settings

HERE = Path(__file__).parent
# Git ignores it already.
set_hypothesis_home_dir(str(HERE.parents[2] / ".pytest_cache" / "hypothesis"))
WEBHOOK_PATH = "/services/T0000000/B0000000/abcdefghijklmnopqrstuvwx"


def sibling(name: str) -> ModuleType:
    return importlib.import_module(f"tests.lambda.slack_notifier.{name}")


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class FakeContext:
    """An invocation that ends so many seconds from now on a fake clock."""

    def __init__(self, time: FakeTime, seconds: float = 60.0) -> None:
        self._time = time
        self._end = time.now + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - self._time.now) * 1000)


@pytest.fixture
def event() -> Callable[[str], Any]:
    """Read a recorded event."""
    return lambda name: json.loads((HERE / "events" / f"{name}.json").read_text())


@pytest.fixture
def block_kit() -> ModuleType:
    return sibling("block_kit")


@pytest.fixture
def scripted() -> ModuleType:
    return sibling("scripted_aws")


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def slack() -> Iterator[Any]:
    """A double of Slack on a port of this machine."""
    with sibling("slack_double").SlackDouble() as double:
        yield double


@pytest.fixture
def new_notifier(slack: Any, time: FakeTime, scripted: ModuleType) -> Callable[..., Any]:
    """Make a notifier that talks to the double, and call it as Lambda does."""

    def make(
        answers: dict[str, Any] | None = None,
        *,
        credential: str = "",
        clients: Any = None,
        timeout: float = 8.0,
        **environment: str,
    ) -> Any:
        secret = credential or slack.origin + WEBHOOK_PATH
        aws = clients or scripted.ScriptedAws(
            {
                "ssm.GetParameter": lambda _: {"Parameter": {"Value": secret}},
                **(answers or {}),
            }
        )
        settings = Settings.of(
            {"SLACK_SECRET": "/slack/webhook", "SLACK_TEST_ORIGIN": slack.origin, **environment}
        )
        notifier = Notifier(
            settings,
            aws,
            monotonic=time,
            now=lambda: time.now + 1_700_000_000,
            sleep=time.sleep,
            timeout=timeout,
        )

        def call(invocation: object, seconds: float = 60.0) -> Any:
            return notifier.handle(invocation, FakeContext(time, seconds))

        call.aws = aws  # type: ignore[attr-defined]
        return call

    return make
