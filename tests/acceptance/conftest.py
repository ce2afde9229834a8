import pytest

from acceptance.names import Names
from acceptance.progress import Progress
from tests.acceptance.fakes import Clock


@pytest.fixture
def names() -> Names:
    return Names("0a1b2c")


@pytest.fixture
def said() -> list[str]:
    """The lines that people have been told."""
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(said: list[str], clock: Clock) -> Progress:
    return Progress(said.append, now=clock, sleep=clock.sleep)
