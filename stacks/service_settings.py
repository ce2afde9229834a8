"""The settings of one service: ``services.N``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from stacks._listener_rules import matches
from stacks._mistakes import Mistake, mistake
from stacks._model import EcsName, Model, UrlPath, longest, once, text
from stacks.blue_green_settings import (
    LONGEST_ECS_ACTION_MINUTES,
    START_MINUTES,
    BlueGreenSettings,
)
from stacks.build_settings import Build
from stacks.container_settings import Container, HealthCheckSettings, ScalingSettings
from stacks.image_settings import Images
from stacks.monitoring_settings import AlarmChanges
from stacks.pull_request_settings import PullRequestSettings  # noqa: TC001 - pydantic reads it
from stacks.release_settings import Release
from stacks.source_settings import CodeCommitSource, GitHubSource

Name = Annotated[
    str,
    text(
        r"[a-z][a-z0-9]*(-[a-z0-9]+)*",
        "a name of lower-case letters, digits and single '-' between them, such as 'my-app'",
        minimum=2,
        maximum=40,
    ),
]
"""A name that CloudFormation, ECR, ECS, CodeBuild and CodePipeline all take."""

RoleArn = Annotated[
    str,
    text(
        r"arn:[a-z-]+:iam::\d{12}:role/.+",
        "the ARN of a role, 'arn:aws:iam::<account>:role/<name>'",
        maximum=2048,
    ),
]

_OF_A_MADE_SERVICE = (
    "container",
    "health_check",
    "scaling",
    "tasks",
    "path_pattern",
    "host_headers",
    "stickiness_minutes",
    "priority",
)


Host = Annotated[
    str,
    text(
        r"[A-Za-z0-9*?.-]+",
        "a host name such as 'shop.example.com', with '*' and '?' as wildcards",
        maximum=128,
    ),
]


class ExistingService(Model):
    """An ECS service that is there already; the app then only makes its build and pipeline."""

    cluster_name: EcsName
    service_name: EcsName
    container_name: EcsName
    task_role_arns: Annotated[list[RoleArn], Field(min_length=1, max_length=10)]
    """The task role and the execution role of the service's task definition."""


class Service(Model):
    """One service: its repository, its build, where it runs, and its pipeline."""

    name: Name
    strategy: Literal["rolling", "blue-green"] = "rolling"
    blue_green: BlueGreenSettings | None = None
    """How traffic is shifted; the defaults of each setting when left out."""
    source: Annotated[GitHubSource | CodeCommitSource, Field(discriminator="type")]
    build: Build = Build()
    images: Images = Images()
    release: Release = Release()
    pull_requests: PullRequestSettings | None = None
    """Which pull requests are verified; none when left out."""
    monitoring: AlarmChanges = AlarmChanges()
    """What is to be otherwise of the service's alarms."""
    container: Container | None = None
    """The container; the defaults of each setting when left out."""
    health_check: HealthCheckSettings | None = None
    scaling: ScalingSettings | None = None
    """How the number of tasks follows the load; one fixed task when left out."""
    tasks: Annotated[int, Field(ge=0, le=5000)] | None = None
    """A fixed number of tasks, which each deployment of the stack sets again."""
    path_pattern: Annotated[UrlPath, longest(128)] = "/*"
    """The paths on the load balancer that belong to the service."""
    host_headers: Annotated[list[Host], Field(max_length=4), AfterValidator(once)] = Field(
        default_factory=list
    )
    """The host names that belong to it; all when left out."""
    stickiness_minutes: Annotated[int, Field(ge=1, le=10080)] | None = None
    """For how long a client is sent to the same task; each request goes to any when left out."""
    priority: Annotated[int, Field(ge=1, le=50000)] = 100
    existing_service: ExistingService | None = None
    deployment_timeout_minutes: Annotated[int, Field(ge=1, le=LONGEST_ECS_ACTION_MINUTES)] = 30

    @property
    def shift(self) -> BlueGreenSettings | None:
        """How traffic is shifted; None for rolling, and for a service that is there and knows."""
        if self.strategy == "rolling" or self.existing_service is not None:
            return None
        return self.blue_green or BlueGreenSettings()

    def mistakes(self) -> Iterator[Mistake]:
        """Find what the strategy, the source, the container or a service that is there forbids."""
        if self.strategy == "rolling" and self.blue_green is not None:
            yield mistake(
                "blue_green",
                "must be left out with strategy 'rolling': set the strategy 'blue-green'",
                reads=["strategy"],
            )
        yield from self._of_the_source()
        yield from self._in_time()
        yield from self._of_the_buildspec()
        yield from self._of_the_number_of_tasks()
        if self.existing_service is not None:
            yield from self._of_the_existing_service()
            return
        architecture = (self.container or Container()).architecture
        if self.build.buildspec is None and architecture not in self.build.platforms:
            yield mistake(
                "build.platforms",
                f"must have the container's architecture {architecture}, got "
                f"{', '.join(self.build.platforms)}: add it, or change container.architecture",
                reads=["container.architecture"],
            )
        probe = self.shift.probe if self.shift else None
        if probe and not matches(self.path_pattern, probe.path.partition("?")[0]):
            yield mistake(
                "blue_green.probe.path",
                f"must match path_pattern ('{self.path_pattern}'), for the load balancer sends the "
                f"service nothing else, got '{probe.path}': name a path that it answers there",
                reads=["path_pattern"],
            )

    def _of_the_source(self) -> Iterator[Mistake]:
        if not isinstance(self.source, CodeCommitSource):
            return
        for given, what in (
            ("pull_requests", "does not announce pull requests to CodePipeline"),
            ("release.triggers", "starts a release by each push to its branch alone"),
        ):
            if self.pull_requests if given == "pull_requests" else self.release.triggers:
                yield mistake(
                    given,
                    f"must be left out with a source in CodeCommit, which {what}: remove it",
                    reads=["source.type"],
                )

    def _of_the_buildspec(self) -> Iterator[Mistake]:
        if self.build.buildspec is not None and self.pull_requests is not None:
            yield mistake(
                "pull_requests",
                "must be left out with build.buildspec: the one that a pull request brings along "
                "would run with the permissions of the build",
                reads=["build.buildspec"],
            )

    def _of_the_number_of_tasks(self) -> Iterator[Mistake]:
        if self.scaling is None:
            return
        if self.tasks is not None:
            yield mistake(
                "tasks",
                f"must be left out with scaling, got {self.tasks}: each deployment of the stack "
                f"would reset what scaling has set; set scaling.min_tasks",
                reads=["scaling"],
            )
        if self.scaling.requests_per_task is not None and self.shift is not None:
            yield mistake(
                "scaling.requests_per_task",
                "must be left out with the strategy 'blue-green': it counts the requests of one "
                "target group, and traffic changes between two; set cpu_percent or memory_percent",
                reads=["strategy"],
            )

    def _in_time(self) -> Iterator[Mistake]:
        if "deployment_timeout_minutes" not in self.model_fields_set or self.shift is None:
            return
        least = self.shift.deployment_minutes() + START_MINUTES
        if self.shift.engine == "code-deploy":
            says = "must be left out with the engine 'code-deploy', whose action has none"
        elif self.deployment_timeout_minutes < least <= LONGEST_ECS_ACTION_MINUTES:
            says = (
                f"must be at least {least:.0f}, which traffic_shift, keep_minutes, probe and "
                f"pause_minutes take, and {START_MINUTES} to start tasks, got "
                f"{self.deployment_timeout_minutes}: raise it, or leave it out"
            )
        else:
            return
        yield mistake("deployment_timeout_minutes", says, reads=["strategy", "blue_green"])

    def _of_the_existing_service(self) -> Iterator[Mistake]:
        for name in sorted(self.blue_green.model_fields_set) if self.blue_green else ():
            if name != "engine":
                says = "must be left out with existing_service, whose own strategy ECS follows"
            elif self.blue_green and self.blue_green.engine == "code-deploy":
                says = (
                    "must be 'ecs' with existing_service, got 'code-deploy': CodeDeploy's files "
                    "are made from a task definition of this app; have the service made, or "
                    "release it by a BlueGreenPipeline of your own"
                )
            else:
                continue
            yield mistake(f"blue_green.{name}", says, reads=["existing_service", "strategy"])
        for name in _OF_A_MADE_SERVICE:
            if name in self.model_fields_set:
                yield mistake(
                    name,
                    "must be left out with existing_service, which has its own: remove it, or "
                    "remove existing_service to have the service made",
                    reads=["existing_service"],
                )
