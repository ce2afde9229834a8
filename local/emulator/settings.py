"""What an emulator is started with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Where an emulator answers, what it keeps, and how it ends.

    Attributes
    ----------
    port
        Port on 127.0.0.1.
    state
        Folder that keeps everything; an emulator that is started with it again goes on from there.
    build_environment
        See `local.emulator.builds.machine.BuildMachine`.
    node_modules
        Packages that functions in Node.js can import, beside their own.
    complete_connections
        Whether a new connection is AVAILABLE at once.
    end_with_input
        Whether to end when standard input closes too: when whoever started the emulator is gone.
    """

    port: int
    state: Path
    build_environment: Path | None = None
    node_modules: Path | None = None
    complete_connections: bool = False
    end_with_input: bool = False

    @property
    def endpoint(self) -> str:
        """Where AWS's APIs answer."""
        return f"http://127.0.0.1:{self.port}"
