"""One emulator for all tests; those that stop one have their own."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.local.emulator.driver import Emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("emulator")
    environment = folder / "build.json"
    environment.write_text(json.dumps({"PATH": os.environ["PATH"]}))
    options = ("--complete-connections", "--build-environment", str(environment))
    emulator = Emulator(folder, *options)
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def machine(emulator: Emulator) -> Iterator[Path]:
    """The file that says what builds run on, read anew for each; until the test's end."""
    file = emulator.log.parent / "build.json"
    before = file.read_text()
    yield file
    file.write_text(before)


@pytest.fixture
def new_emulator(tmp_path: Path) -> Iterator[Callable[..., Emulator]]:
    """Start emulators of a test's own."""
    started: list[Emulator] = []

    def start(*options: str) -> Emulator:
        started.append(Emulator(tmp_path, *options))
        started[-1].start()
        return started[-1]

    yield start
    for emulator in started:
        if emulator.process.poll() is None:
            emulator.stop()


@pytest.fixture
def broken(emulator: Emulator) -> Iterator[Callable[[str], str]]:
    """Call an image broken until the test's end."""
    images: list[str] = []

    def mark(image: str) -> str:
        images.append(image)
        assert emulator.local("POST", "broken-image", image=image)[0] == 200
        return image

    yield mark
    for image in images:
        emulator.local("POST", "broken-image", image=image, broken="false")
