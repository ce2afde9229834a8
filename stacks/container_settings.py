"""What runs: the settings below ``container``, ``health_check`` and ``scaling`` of a service."""

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from stacks._mistakes import Mistake, mistake
from stacks._model import EcsName, Model, Parameter, SecretArn, UrlPath, longest, text
from stacks.build_settings import Architecture

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
FARGATE_MEMORY: Final[dict[int, tuple[int, ...]]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
"""The MiB that Fargate offers for each number of CPU units."""

_VARIABLE: Final = r"[A-Za-z_][A-Za-z0-9_.-]*"


class Container(Model):
    """The container that is released."""

    name: EcsName = "app"
    port: Annotated[int, Field(ge=1, le=65535)] = 3000
    cpu: Literal[256, 512, 1024, 2048, 4096, 8192, 16384] = 256
    memory: Annotated[int, Field(ge=512, le=122880)] = 512
    ephemeral_storage_gib: Annotated[int, Field(ge=21, le=200)] | None = None
    """GiB of a task's own disk; Fargate's 20 by default."""
    command: list[str] = Field(default_factory=list)
    """What runs in the place of the image's own command."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Plain settings; never a secret."""
    architecture: Architecture = "amd64"
    seed_image: str | None = None
    """What the service runs before its first release; a sample of Google's by default."""
    secret_parameters: dict[str, Parameter] = Field(default_factory=dict)
    """Environment variables from SecureString parameters: variable -> parameter's name."""
    secrets: dict[str, SecretArn] = Field(default_factory=dict)
    """Environment variables from Secrets Manager: variable -> ARN, or ARN:field."""
    user: (
        Annotated[
            str,
            text(
                r"[1-9]\d*(:\d+)?",
                "the number of a user that is not root, with a group if need be: '1000:1000'",
                maximum=64,
            ),
        ]
        | None
    ) = None
    """The number of the user it runs as, and maybe of a group; the image's own by default."""
    read_only_root_filesystem: bool = True
    execute_command: bool = False
    """Whether people may open a shell in a task, by ECS Exec."""
    stop_timeout_seconds: Annotated[int, Field(ge=2, le=120)] = 30
    """How long a task may take to stop before it is killed."""

    def mistakes(self) -> Iterator[Mistake]:
        """Find what Fargate has no task for, and variables that cannot be."""
        yield from self._size()
        yield from self._variables()
        if self.architecture == "arm64" and self.seed_image is None:
            yield mistake(
                "seed_image",
                "must be given with architecture arm64: whether the default seed image runs there "
                "is not documented",
                reads=["architecture"],
            )
        if self.command and self.seed_image is None:
            yield mistake(
                "seed_image",
                "must be given with command, which the default seed image does not know: name an "
                "image that answers the health check when it runs that command",
                reads=["command", "architecture"],
            )
        if self.execute_command and self.read_only_root_filesystem:
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
            yield mistake(
                "read_only_root_filesystem",
                "must be false with execute_command, whose agent writes to the container's file "
                "system: set it while people need a shell",
                reads=["execute_command"],
            )

    def _size(self) -> Iterator[Mistake]:
        sizes = FARGATE_MEMORY[self.cpu]
        if self.memory not in sizes:
            near = min(sizes, key=lambda size: (abs(size - self.memory), size))
            yield mistake(
                "memory",
                f"must be from {sizes[0]} to {sizes[-1]} in Fargate's steps with cpu {self.cpu}, "
                f"got {self.memory}: the nearest is {near}",
                reads=["cpu"],
            )

    def _variables(self) -> Iterator[Mistake]:
        for section, names in (
            ("environment", self.environment),
            ("secret_parameters", self.secret_parameters),
            ("secrets", self.secrets),
        ):
            for name in names:
                if name == "PORT":
                    yield mistake(
                        section,
                        "must not set 'PORT', which has the container's port: set port instead",
                    )
                elif not re.fullmatch(_VARIABLE, name):
                    yield mistake(
                        section,
                        f"must have names of letters, digits, '_', '.' and '-', got '{name}'",
                    )
        for section, other in (
            ("environment", "secret_parameters"),
            ("environment", "secrets"),
            ("secret_parameters", "secrets"),
        ):
            if both := sorted(set(getattr(self, section)) & set(getattr(self, other))):
                yield mistake(
                    section,
                    f"must not repeat names of {other}, got {', '.join(both)} in both: keep one",
                    reads=[other],
                )


class HealthCheckSettings(Model):
    """How the load balancer checks a task."""

    path: Annotated[UrlPath, longest(1024)] = "/health"
    interval_seconds: Annotated[int, Field(ge=5, le=300)] = 30
    timeout_seconds: Annotated[int, Field(ge=2, le=120)] = 5
    healthy_threshold: Annotated[int, Field(ge=2, le=10)] = 2
    unhealthy_threshold: Annotated[int, Field(ge=2, le=10)] = 3
    healthy_codes: Annotated[
        str,
        text(
            r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*",
            "codes from 200 to 499 such as '200', '200,302' or '200-299'",
            maximum=255,
        ),
    ] = "200"
    """The answers that count as healthy."""
    grace_period_seconds: Annotated[int, Field(ge=0, le=86400)] = 60
    """How long the failed checks of a task that starts are ignored."""

    def mistakes(self) -> Iterator[Mistake]:
        """Find a check that the next one would overtake."""
        if self.timeout_seconds >= self.interval_seconds:
            yield mistake(
                "timeout_seconds",
                f"must be below interval_seconds ({self.interval_seconds}), got "
                f"{self.timeout_seconds}: lengthen the interval, or shorten the time-out",
                reads=["interval_seconds"],
            )


class ScalingSettings(Model):
    """How many tasks run."""

    min_tasks: Annotated[int, Field(ge=0, le=5000)] = 2
    max_tasks: Annotated[int, Field(ge=1, le=5000)] = 10
    cpu_percent: Annotated[int, Field(ge=1, le=100)] = 60
    """The average CPU use that is aimed at; not aimed at beside another target, unless given."""
    memory_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    requests_per_task: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """The requests a minute and task that are aimed at."""

    @property
    def follows_cpu(self) -> bool:
        """Whether CPU use is aimed at: where it is given, or nothing else."""
        others = (self.memory_percent, self.requests_per_task)
        return "cpu_percent" in self.model_fields_set or others == (None, None)

    def mistakes(self) -> Iterator[Mistake]:
        """Find bounds that are the wrong way round."""
        if self.min_tasks > self.max_tasks:
            yield mistake(
                "min_tasks",
                f"must be at most max_tasks ({self.max_tasks}), got {self.min_tasks}",
                reads=["max_tasks"],
            )
