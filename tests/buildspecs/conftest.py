"""One emulator and one container engine for all builds; each case has a repository of its own."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from local.engine import Engine, EngineUnavailableError, open_engine
from local.permissions import denied_calls
from tests.buildspecs.builds import BUCKET, ECR, ECR_ELSEWHERE, Configure, Project
from tests.buildspecs.registry_front import RegistryFront
from tests.local.emulator.driver import Emulator

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/engine"


class BuildMachine:
    """What the emulator's builds run on; it can be another one for a while."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "build-environment.json"

    def use(self, engine: Engine, **variables: str) -> None:
        programs = f"{Path(sys.executable).parent}:{engine.environment['PATH']}"
        environment = {**engine.environment, "PATH": programs, **variables}
        self.file.write_text(json.dumps(environment))

    @contextlib.contextmanager
    def using(self, engine: Engine, **variables: str) -> Iterator[None]:
        before = self.file.read_text()
        self.use(engine, **variables)
        try:
            yield
        finally:
            self.file.write_text(before)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> BuildMachine:
    return BuildMachine(tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="session")
def aws(machine: BuildMachine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(
        tmp_path_factory.mktemp("emulator"), "--build-environment", str(machine.file)
    )
    emulator.start()
    emulator.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    yield emulator
    denied = denied_calls(emulator.url)
    emulator.stop()
    assert not denied, "AWS would have denied:\n" + "\n".join(map(str, denied))


@pytest.fixture(scope="session")
def registry(aws: Emulator) -> Iterator[RegistryFront]:
    with RegistryFront(aws.port) as front:
        yield front


@pytest.fixture(scope="session")
def open_builder(
    registry: RegistryFront, without_engine: Callable[[object], NoReturn]
) -> Callable[..., contextlib.AbstractContextManager[Engine]]:
    """Open a container engine."""

    @contextlib.contextmanager
    def opened(cache: Path = CACHE, **options: Any) -> Iterator[Engine]:
        with contextlib.ExitStack() as stack:
            try:
                engine = stack.enter_context(
                    open_engine(
                        cache,
                        registries={ECR: registry.address, ECR_ELSEWHERE: registry.address},
                        progress=print,
                        base_images=("node:20-alpine", "node:24-alpine"),
                        **options,
                    )
                )
            except EngineUnavailableError as error:
                without_engine(error)
            yield engine

    return opened


@pytest.fixture(scope="session")
def builder(
    open_builder: Callable[..., contextlib.AbstractContextManager[Engine]], machine: BuildMachine
) -> Iterator[Engine]:
    with open_builder() as engine:
        machine.use(engine)
        yield engine


@pytest.fixture
def forget_cache(builder: Engine) -> Callable[[], None]:
    """Leave the builder as one that has never built anything."""

    def forget() -> None:
        subprocess.run(
            ["docker", "buildx", "prune", "--all", "--force"],
            env={**os.environ, **builder.environment},
            check=True,
            capture_output=True,
        )

    return forget


_numbers = itertools.count(1)


@pytest.fixture
def new_project(aws: Emulator, registry: RegistryFront, builder: Engine) -> Callable[..., Project]:
    """Deploy a repository with its build project; options are those of BuildProject."""

    def new(configure: Configure = lambda _stack: {}, **options: Any) -> Project:
        def both(stack: Any) -> Mapping[str, Any]:
            return {**options, **configure(stack)}

        return Project(aws, registry, f"team/app-{next(_numbers)}", both)

    return new


@pytest.fixture
def project(new_project: Callable[..., Project]) -> Project:
    return new_project()
