import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.agent import Build, BuildResult, run


@dataclass
class Runner:
    """Runs buildspecs in a source folder and keeps what they log."""

    source: Path
    lines: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    on_line: Callable[[str], None] = lambda _: None

    def __call__(self, buildspec: str, **options: Any) -> BuildResult:
        build: dict[str, Any] = {
            "environment": {},
            "machine": {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.source)},
            "secrets": frozenset(),
            "timeout": 30,
            "parameter": self.parameters.__getitem__,
            "secret": self.secrets.__getitem__,
        }
        return run(
            Build(buildspec=buildspec, source=self.source, **(build | options)),
            log=self._log,
            stop=self.stop,
        )

    def _log(self, line: str) -> None:
        self.lines.append(line)
        self.on_line(line)

    @property
    def output(self) -> list[str]:
        """What commands wrote; for these, all commands must be of one line."""
        return [line for line in self.lines if line and not line.startswith("[Container]")]

    @property
    def log(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def build(tmp_path: Path) -> Runner:
    source = tmp_path / "src"
    source.mkdir()
    return Runner(source)
