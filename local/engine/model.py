"""The engine that a build is handed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Progress: TypeAlias = Callable[[str], None]
Registries: TypeAlias = Mapping[str, tuple[str, int]]


class EngineUnavailableError(Exception):
    """No container engine can be had here; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """A running container engine in which the registries answer under their real names.

    Attributes
    ----------
    kind
        ``docker`` for the Docker that was running already, ``private`` for one that is started
        here.
    environment
        What a process needs beside its own environment to use the engine. ``PATH`` is complete:
        the engine's folder followed by the ``PATH`` of this process.
    stand_ins
        Base images that are stand-ins here, by the name a Dockerfile gives them; empty where the
        real ones can be pulled.
    note
        One line for people: which engine this is, and what its base images are.
    """

    kind: Literal["docker", "private"]
    environment: Mapping[str, str]
    stand_ins: tuple[str, ...]
    note: str
