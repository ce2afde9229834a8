"""The settings of builds: ``services.N.build``."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from stacks._model import Model, Parameter, pattern


class DockerHub(Model):
    """Where the Docker Hub login is kept in Parameter Store."""

    user_parameter: str = "/codebuild/dockerhub-user"
    token_parameter: str = "/codebuild/dockerhub-token"  # noqa: S105 - a parameter's name


class Allowed(Model):
    """A finding that may stay for a while."""

    id: Annotated[str, pattern(r"^[A-Za-z0-9]+([-._:][A-Za-z0-9]+)+$", maximum=128)]
    reason: Annotated[str, pattern(r"\S", maximum=500)]
    expires: Annotated[dt.date, Field(strict=False)]
    """The last day (UTC) on which it may stay, as ``YYYY-MM-DD``."""


class Scan(Model):
    """Which findings of the scan of a pushed image fail its build."""

    severity: Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"] = "HIGH"
    mode: Literal["enforce", "report"] = "enforce"
    fixable_only: bool = False
    max_wait_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    enhanced_scanning: bool = False
    """Whether the registry scans by Amazon Inspector."""
    allow: list[Allowed] = Field(default_factory=list)


Architecture = Literal["amd64", "arm64"]


class Build(Model):
    """How images are built."""

    dockerfile: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = "Dockerfile"
    context: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = "."
    target: str | None = None
    arguments: dict[str, str] = Field(default_factory=dict)
    secret_parameters: dict[str, Parameter] = Field(default_factory=dict)
    """Secrets of the Dockerfile from SecureString parameters: id -> parameter's name."""
    platforms: Annotated[list[Architecture], Field(min_length=1, max_length=2)] = ["amd64"]
    test_command: list[str] = Field(default_factory=list)
    """A program and its arguments, run in the image before it is pushed."""
    sbom_generator: str | None = None
    layer_cache: Literal["image", "registry"] | None = None
    """Where layers are kept for the next build; by default the Dockerfile decides."""

    compute_type: Literal["SMALL", "MEDIUM", "LARGE", "X_LARGE", "X2_LARGE"] = "SMALL"
    timeout_minutes: Annotated[int, Field(ge=5, le=2160)] = 30
    concurrent_builds: Annotated[int, Field(ge=1)] | None = None
    queued_timeout_minutes: Annotated[int, Field(ge=5, le=480)] | None = None
    docker_hub: DockerHub | None = None
    """The Docker Hub login; none by default, and pulls are anonymous."""
    pull_through_cache: str | None = None
    """The prefix of ECR's pull-through cache for Docker Hub, in the place of a login."""
    scan: Scan = Scan()

    @model_validator(mode="after")
    def _one_way_to_docker_hub(self) -> Self:
        if self.docker_hub is not None and self.pull_through_cache is not None:
            message = "docker_hub and pull_through_cache are two ways to one end: give one of them"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _layers_of_one_platform(self) -> Self:
        if self.layer_cache == "image" and len(self.platforms) > 1:
            message = "layer_cache must be 'registry' for two platforms: omit it"
            raise ValueError(message)
        return self
