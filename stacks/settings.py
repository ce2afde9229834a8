"""The settings of the app: the context key ``delivery`` in ``cdk.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from stacks._model import EcsName, Parameter, UrlPath
from stacks._model import Model as _Model
from stacks._model import pattern as _pattern
from stacks.blue_green_settings import BlueGreenSettings  # noqa: TC001 - pydantic reads it
from stacks.build_settings import Architecture, Build
from stacks.log_settings import Logs
from stacks.monitoring_settings import AlarmChanges, Monitoring
from stacks.platform_settings import Platform
from stacks.pull_request_settings import PullRequestSettings  # noqa: TC001 - pydantic reads it
from stacks.release_settings import Release
from stacks.rule_packs import RulePack  # noqa: TC001 - pydantic reads it

CONTEXT_KEY = "delivery"


class SettingsError(ValueError):
    """The settings are not usable; the message names each JSON path and what is allowed."""


Name = Annotated[str, _pattern(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", minimum=2, maximum=40)]
"""A name that CloudFormation, ECR, ECS, CodeBuild and CodePipeline all take."""

Arn = Annotated[str, _pattern(r"^arn:[a-z-]+:[a-z0-9-]+:.*$", maximum=2048)]
RoleArn = Annotated[str, _pattern(r"^arn:[a-z-]+:iam::\d{12}:role/.+$", maximum=2048)]
Branch = Annotated[str, _pattern(r"^[^\s~^:?*\[\\]+$", maximum=255)]


class GitHubSource(_Model):
    """A repository behind a connection (GitHub, GitLab, Bitbucket)."""

    type: Literal["github"]
    repository: Annotated[str, _pattern(r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$", maximum=256)]
    """The repository as ``owner/name``."""
    branch: Branch = "main"
    connection_arn: Arn | None = None
    """The connection; the app's own, which ``connection`` configures, by default."""
    full_clone: bool = False


class CodeCommitSource(_Model):
    """A repository in CodeCommit."""

    type: Literal["codecommit"]
    repository: Annotated[str, _pattern(r"^[A-Za-z0-9._-]+$", maximum=100)]
    branch: Branch = "main"
    full_clone: bool = False


class Container(_Model):
    """The container that is released."""

    name: EcsName = "app"
    port: Annotated[int, Field(ge=1, le=65535)] = 3000
    cpu: Literal[256, 512, 1024, 2048, 4096, 8192, 16384] = 256
    memory: Annotated[int, Field(ge=512, le=122880)] = 512
    environment: dict[str, str] = Field(default_factory=dict)
    """Plain settings; never a secret."""
    architecture: Architecture = "amd64"
    seed_image: str | None = None
    """What the service runs before its first release; a sample of Google's by default."""
    secret_parameters: dict[str, Parameter] = Field(default_factory=dict)
    """Environment variables from SecureString parameters: variable -> parameter's name."""
    user: Annotated[str, _pattern(r"^[1-9]\d*(:\d+)?$", maximum=64)] | None = None
    """The number of the user it runs as, and maybe of a group; the image's own by default."""
    read_only_root_filesystem: bool = True

    @model_validator(mode="after")
    def _seed_for_arm(self) -> Self:
        if self.architecture == "arm64" and self.seed_image is None:
            message = (
                "seed_image must be given with architecture arm64: whether the default seed image "
                "runs there is not documented"
            )
            raise ValueError(message)
        return self


class HealthCheckSettings(_Model):
    """How the load balancer checks a task."""

    path: Annotated[UrlPath, StringConstraints(max_length=1024)] = "/health"
    interval_seconds: Annotated[int, Field(ge=5, le=300)] = 30
    timeout_seconds: Annotated[int, Field(ge=2, le=120)] = 5
    healthy_threshold: Annotated[int, Field(ge=2, le=10)] = 2
    unhealthy_threshold: Annotated[int, Field(ge=2, le=10)] = 3


class ScalingSettings(_Model):
    """How many tasks run."""

    min_tasks: Annotated[int, Field(ge=0, le=5000)] = 2
    max_tasks: Annotated[int, Field(ge=1, le=5000)] = 10
    cpu_percent: Annotated[int, Field(ge=1, le=100)] = 60

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_tasks > self.max_tasks:
            message = f"min_tasks ({self.min_tasks}) must be at most max_tasks ({self.max_tasks})"
            raise ValueError(message)
        return self


class ExistingService(_Model):
    """An ECS service that is there already; the app then only makes its build and pipeline."""

    cluster_name: EcsName
    service_name: EcsName
    container_name: EcsName
    task_role_arns: Annotated[list[RoleArn], Field(min_length=1, max_length=10)]
    """The task role and the execution role of the service's task definition."""


class Service(_Model):
    """One service: its repository, its build, where it runs, and its pipeline."""

    name: Name
    strategy: Literal["rolling", "blue-green"] = "rolling"
    blue_green: BlueGreenSettings | None = None
    """How traffic is shifted; the defaults of each setting when left out."""
    source: Annotated[GitHubSource | CodeCommitSource, Field(discriminator="type")]
    build: Build = Build()
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
    path_pattern: UrlPath = "/*"
    """The paths on the load balancer that belong to the service."""
    priority: Annotated[int, Field(ge=1, le=50000)] = 100
    existing_service: ExistingService | None = None
    deployment_timeout_minutes: Annotated[int, Field(ge=1, le=60)] = 30

    @model_validator(mode="after")
    def _one_strategy(self) -> Self:
        if self.strategy == "rolling" and self.blue_green is not None:
            message = "blue_green must be left out with strategy 'rolling': set 'blue-green'"
            raise ValueError(message)
        if self.strategy == "blue-green" and self.existing_service is not None:
            message = (
                "strategy must be 'rolling' with existing_service, whose own strategy decides, got "
                "'blue-green': leave it out"
            )
            raise ValueError(message)
        by_code_deploy = self.blue_green is not None and self.blue_green.engine == "code-deploy"
        if by_code_deploy and "deployment_timeout_minutes" in self.model_fields_set:
            message = (
                "deployment_timeout_minutes must be left out with the engine 'code-deploy', whose "
                "action has none"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _announced(self) -> Self:
        if self.pull_requests is not None and isinstance(self.source, CodeCommitSource):
            message = (
                "pull_requests must be left out with a source in CodeCommit, which does not "
                "announce pull requests to CodePipeline: remove it"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _built_for_its_processor(self) -> Self:
        architecture = (self.container or Container()).architecture
        if self.existing_service is None and architecture not in self.build.platforms:
            message = (
                f"build.platforms must have the container's architecture {architecture}, got "
                f"{', '.join(self.build.platforms)}: add it there, or change "
                f"container.architecture"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _probed_on_its_own_paths(self) -> Self:
        probe = self.blue_green.probe if self.blue_green else None
        if probe and not _leads_to(self.path_pattern, probe.path):
            message = (
                f"blue_green.probe.path must match path_pattern ('{self.path_pattern}'), for the "
                f"load balancer sends the service nothing else, got '{probe.path}': name a path "
                f"that it answers there"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _one_home(self) -> Self:
        made = sorted(
            {"container", "health_check", "scaling", "path_pattern", "priority"}
            & self.model_fields_set
        )
        if self.existing_service and made:
            message = (
                f"{', '.join(made)} must be left out with existing_service, which has its own: "
                "remove them, or remove existing_service to have the service made"
            )
            raise ValueError(message)
        return self


class Environment(_Model):
    """Where the stacks go; by default to the account and region of the CLI's credentials."""

    account: Annotated[str, _pattern(r"^\d{12}$", maximum=12)]
    region: Annotated[str, _pattern(r"^[a-z]{2}(-[a-z]+)+-\d$", maximum=32)]


class Settings(_Model):
    """All settings of the app."""

    name: Annotated[Name, StringConstraints(max_length=25)] = "delivery"
    """What every stack's name starts with."""
    environment: Environment | None = None
    platform: Platform = Platform()
    logs: Logs = Logs()
    monitoring: Monitoring = Monitoring()
    rule_packs: list[RulePack] = []
    """What cdk-nag checks beside its pack AWS Solutions; docs/reviews.md."""
    services: Annotated[list[Service], Field(min_length=1)]

    @model_validator(mode="after")
    def _watched(self) -> Self:
        changed = [s.name for s in self.services if s.monitoring.model_fields_set]
        if changed and not self.monitoring.enabled:
            message = (
                f"services.N.monitoring must be left out with monitoring.enabled: false, got it "
                f"for {', '.join(changed)}: remove it, or enabled"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _probed(self) -> Self:
        probed = [s.name for s in self.services if s.blue_green and s.blue_green.probe]
        existing = self.platform.existing
        if probed and not self.platform.test_listener:
            where = "platform.existing.test_listener_arn" if existing else "platform.test_port"
            message = (
                f"services.N.blue_green.probe must come with a test listener, which leads to the "
                f"new version, got it for {', '.join(probed)} without one: set {where}"
            )
            raise ValueError(message)
        if probed and existing and existing.test_url is None:
            message = (
                f"services.N.blue_green.probe must come with platform.existing.test_url on a "
                f"platform that is there already, got it for {', '.join(probed)} without: say "
                f"there where the test listener is reached, such as 'http://test.example.com:8080'"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _unique(self) -> Self:
        names = [service.name for service in self.services]
        names += [f"{s.name}-pull-requests" for s in self.services if s.pull_requests is not None]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            message = f"services must have unique names, got {', '.join(twice)} twice"
            raise ValueError(message)
        on_listener = [s.priority for s in self.services if s.existing_service is None]
        doubled = sorted({p for p in on_listener if on_listener.count(p) > 1})
        if doubled:
            message = (
                f"services must have unique priorities on the load balancer, got "
                f"{', '.join(map(str, doubled))} twice; set services.N.priority"
            )
            raise ValueError(message)
        return self

    @classmethod
    def from_context(cls, context: object) -> Settings:
        """Read the settings from the CDK context.

        Parameters
        ----------
        context
            The value of the context key ``delivery``: an object, as ``cdk.json`` has it, or the
            same as JSON text, as ``cdk --context delivery="$(jq -c . staging.json)"`` gives it.

        Returns
        -------
        Settings
            The settings.

        Raises
        ------
        SettingsError
            If the key is missing or anything below it is not as it must be.
        """
        if isinstance(context, str):
            try:
                context = json.loads(context)
            except ValueError as error:
                raise SettingsError(
                    f"'--context {CONTEXT_KEY}=...' must be JSON, and is not: {error}"
                ) from None
        if not isinstance(context, Mapping):
            raise SettingsError(
                f"cdk.json: 'context.{CONTEXT_KEY}' must be an object with the app's settings, "
                f"got {_shown(context)}; see docs/settings.md"
            )
        try:
            return cls.model_validate(context)
        except ValidationError as error:
            problems = "\n".join(_line(problem) for problem in error.errors())
            raise SettingsError(f"cdk.json has settings that cannot be used:\n{problems}") from None


def _leads_to(path_pattern: str, path: str) -> bool:
    """Return whether a listener rule matches a path; its pattern has only * and ? as wildcards.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_PathPatternConditionConfig.html
    """
    wildcards = {"*": ".*", "?": "."}
    pattern = "".join(wildcards.get(letter, re.escape(letter)) for letter in path_pattern)
    return re.fullmatch(pattern, path.partition("?")[0]) is not None


def _line(problem: Any) -> str:
    path = ".".join(["context", CONTEXT_KEY, *_path(problem["loc"])])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"  {path}: is not a setting; check its spelling against docs/settings.md"
    if problem["type"] == "missing":
        return f"  {path}: is missing"
    if isinstance(problem["input"], Mapping):
        return f"  {path}: {message}"
    return f"  {path}: {message}; got {_shown(problem['input'])}"


def _path(loc: tuple[int | str, ...]) -> list[str]:
    # pydantic names the chosen variant of a source in the path; the JSON has no such level.
    return [str(part) for part in loc if part not in ("github", "codecommit")]


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)
