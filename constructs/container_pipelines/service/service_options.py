"""Option groups of a load-balanced service."""

from dataclasses import dataclass, field
from typing import Final

from aws_cdk import Duration

from container_pipelines._checks import check_duration, check_name, check_range, is_token
from container_pipelines._once import seconds_of
from container_pipelines._types import checked

_FARGATE_MEMORY: Final = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}


@checked("health_check")
@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """How the load balancer checks whether a task may get traffic.

    It decides over each release: a task that does not get healthy is stopped, and after enough of
    them the circuit breaker rolls the service back.

    Parameters
    ----------
    path
        The path that is asked for.
    healthy_http_codes
        The answers that count as healthy, such as ``200`` or ``200-299``.
    healthy_grpc_codes
        The same for a service that speaks gRPC, such as ``0`` or ``0,12``.
    interval
        The time between two checks, from 5 to 300 seconds.
    timeout
        After which time without an answer a check has failed, from 2 to 120 seconds; shorter than
        the interval.
    healthy_threshold
        How many checks in a row make a task healthy, from 2 to 10.
    unhealthy_threshold
        How many failed checks in a row make it unhealthy, from 2 to 10.
    grace_period
        How long a starting task's failed checks are ignored, up to 24 hours.

    Raises
    ------
    ValueError
        If a value is out of range.

    Notes
    -----
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """

    path: str = "/health"
    healthy_http_codes: str = "200"
    healthy_grpc_codes: str = "0"
    interval: Duration = field(default_factory=lambda: Duration.seconds(30))
    timeout: Duration = field(default_factory=lambda: Duration.seconds(5))
    healthy_threshold: int = 2
    unhealthy_threshold: int = 3
    grace_period: Duration = field(default_factory=lambda: Duration.seconds(60))

    def __post_init__(self) -> None:
        check_name(
            "health_check.path",
            self.path,
            pattern=r"/\S*",
            maximum=1024,
            allowed="a path that starts with '/', such as '/health'",
        )
        check_name(
            "health_check.healthy_http_codes",
            self.healthy_http_codes,
            pattern=r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*",
            maximum=255,
            allowed="codes from 200 to 499 such as '200', '200,302' or '200-299'",
        )
        check_name(
            "health_check.healthy_grpc_codes",
            self.healthy_grpc_codes,
            pattern=r"\d\d?(-\d\d?)?(,\d\d?(-\d\d?)?)*",
            maximum=255,
            allowed="codes from 0 to 99 such as '0', '0,12' or '0-5'",
        )
        check_duration(
            "health_check.interval",
            self.interval,
            minimum=5,
            maximum=300,
            default="check every 30 seconds",
        )
        check_duration(
            "health_check.timeout",
            self.timeout,
            minimum=2,
            maximum=120,
            default="wait 5 seconds",
        )
        check_duration(
            "health_check.grace_period",
            self.grace_period,
            minimum=0,
            maximum=24 * 3600,
            default="ignore failed checks for 60 seconds",
        )
        for name, value, default in (
            ("healthy_threshold", self.healthy_threshold, 2),
            ("unhealthy_threshold", self.unhealthy_threshold, 3),
        ):
            check_range(
                f"health_check.{name}",
                value,
                minimum=2,
                maximum=10,
                default=f"need {default} checks in a row",
            )
        interval, timeout = seconds_of(self.interval), seconds_of(self.timeout)
        if interval is None or timeout is None:
            return
        if timeout >= interval:
            raise ValueError(
                f"'health_check.timeout' must be shorter than 'health_check.interval' "
                f"({self.interval.to_human_string()}), got {self.timeout.to_human_string()}; "
                f"lengthen the interval or shorten the time-out"
            )


@checked("scaling")
@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How many tasks run, by what they are busy with.

    Parameters
    ----------
    min_tasks
        How many tasks run at least; two by default, one for each of two availability zones.
    max_tasks
        How many tasks run at most.
    cpu_percent
        The average CPU use that is aimed at, from 1 to 100; None to leave CPU out.
    memory_percent
        The average memory use that is aimed at, from 1 to 100; None to leave memory out.
    requests_per_task
        The requests a minute and task that are aimed at; None to leave requests out.

    Raises
    ------
    ValueError
        If a value is out of range, the minimum is above the maximum, or nothing is aimed at.
    """

    min_tasks: int = 2
    max_tasks: int = 10
    cpu_percent: int | None = 60
    memory_percent: int | None = None
    requests_per_task: int | None = None

    def __post_init__(self) -> None:
        check_range(
            "scaling.min_tasks",
            self.min_tasks,
            minimum=0,
            maximum=5000,
            default="run at least 2 tasks",
        )
        check_range(
            "scaling.max_tasks",
            self.max_tasks,
            minimum=1,
            maximum=5000,
            default="run at most 10 tasks",
        )
        bounds = (self.min_tasks, self.max_tasks)
        if not any(map(is_token, bounds)) and self.min_tasks > self.max_tasks:
            raise ValueError(
                f"'scaling.min_tasks' must be at most 'scaling.max_tasks' ({self.max_tasks}), "
                f"got {self.min_tasks}; raise the maximum or lower the minimum"
            )
        for name, value in (
            ("cpu_percent", self.cpu_percent),
            ("memory_percent", self.memory_percent),
        ):
            if value is not None:
                check_range(
                    f"scaling.{name}", value, minimum=1, maximum=100, default="scale on CPU at 60"
                )
        if self.requests_per_task is not None:
            check_range(
                "scaling.requests_per_task",
                self.requests_per_task,
                minimum=1,
                maximum=1_000_000_000,
                default="leave requests out",
            )
        if (self.cpu_percent, self.memory_percent, self.requests_per_task) == (None, None, None):
            raise ValueError(
                "'scaling' must aim at something, got neither cpu_percent, memory_percent nor "
                "requests_per_task; give one, or omit 'scaling' for a fixed number of tasks"
            )


def check_fargate_size(cpu: int, memory: int) -> None:
    """Reject a task size that Fargate does not offer.

    Parameters
    ----------
    cpu
        CPU units; 1024 are one vCPU.
    memory
        MiB.

    Raises
    ------
    ValueError
        If Fargate offers no task of that size.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
    """
    if is_token(cpu) or is_token(memory):
        return
    sizes = _FARGATE_MEMORY.get(cpu)
    if sizes is None:
        offered = ", ".join(str(units) for units in _FARGATE_MEMORY)
        raise ValueError(f"'cpu' must be one of {offered}, got {cpu}; omit it for 256 (a quarter)")
    if memory not in sizes:
        raise ValueError(
            f"'memory' must be from {sizes[0]} to {sizes[-1]} MiB in Fargate's steps for "
            f"cpu={cpu}, got {memory}; the smallest that works is {sizes[0]}"
        )
