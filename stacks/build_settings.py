"""The settings of builds: ``services.N.build``."""

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from container_pipelines import (
    AllowedFinding,
    BuildSecret,
    DockerBuild,
    LayerCache,
    Platform,
    PullThroughCache,
)
from stacks._mistakes import Mistake, mistake
from stacks._model import Model, Parameter, SecretField, SecretName, once, refused, text

_FIELD: Final = text(r"[^:]+", "a field of the secret's JSON object, without ':'", maximum=512)
# What CodeBuild holds all variables of a build in, less what the others need.
_MOST_CHARACTERS: Final = 3900


class DockerHub(Model):
    """Where the Docker Hub login is kept: in Parameter Store, or in Secrets Manager."""

    user_parameter: Parameter = "/codebuild/dockerhub-user"
    token_parameter: Parameter = "/codebuild/dockerhub-token"  # noqa: S105 - a parameter's name
    secret: SecretName | None = None
    """A secret in the place of both parameters; its value is a JSON object."""
    user_field: Annotated[str, _FIELD] = "user"
    token_field: Annotated[str, _FIELD] = "token"  # noqa: S105 - a field's name

    def mistakes(self) -> Iterator[Mistake]:
        """Find settings of the one store beside those of the other."""
        if self.secret is not None:
            other, why = {"user_parameter", "token_parameter"}, "with secret, which has both"
        else:
            other, why = {"user_field", "token_field"}, "without a secret, whose fields they name"
        for name in sorted(other & self.model_fields_set):
            yield mistake(name, f"must be left out {why}", reads=["secret"])


_OF_THE_LIBRARYS_BUILDSPEC: Final = {
    "arguments",
    "context",
    "dockerfile",
    "layer_cache",
    "platforms",
    "sbom_generator",
    "scan",
    "secret_parameters",
    "secrets",
    "target",
    "test_command",
}


def secret_ids(setting: str, secrets: Mapping[str, str]) -> Iterator[Mistake]:
    """Find ids that no Dockerfile can ask for.

    Parameters
    ----------
    setting
        The setting that has the secrets.
    secrets
        The secrets, by id.

    Returns
    -------
    Iterator[Mistake]
        The mistakes.
    """
    for each in secrets:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", each):
            yield mistake(
                setting, f"must have ids of letters, digits, '_', '.' and '-', got '{each}'"
            )


class Allowed(Model):
    """A finding that may stay for a while."""

    id: str
    reason: str
    expires: Annotated[dt.date, Field(strict=False)]
    """The last day (UTC) on which it may stay, as ``YYYY-MM-DD``."""

    def mistakes(self) -> Iterator[Mistake]:
        """Find what is no finding, or no reason."""
        yield from refused(self.finding, prefix="allowed_finding")

    def finding(self) -> AllowedFinding:
        """Return the finding that may stay."""
        return AllowedFinding(id=self.id, reason=self.reason, expires=self.expires)


class Scan(Model):
    """Which findings of the scan of a pushed image fail its build."""

    severity: Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"] = "HIGH"
    mode: Literal["enforce", "report"] = "enforce"
    fixable_only: bool = False
    max_wait_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    enhanced_scanning: bool = False
    """Whether the registry scans by Amazon Inspector."""
    allow: list[Allowed] = Field(default_factory=list)

    def mistakes(self) -> Iterator[Mistake]:
        """Find a finding that is allowed twice, and more than a build can be told."""
        ids = [finding.id.casefold() for finding in self.allow]
        if twice := sorted({each for each in ids if ids.count(each) > 1}):
            yield mistake(
                "allow",
                f"must name each finding once, got {', '.join(twice).upper()} more than once: keep "
                f"the entry that holds longest",
            )
        length = len(json.dumps([finding.model_dump(mode="json") for finding in self.allow]))
        if length > _MOST_CHARACTERS:
            yield mistake(
                "allow",
                f"must together have at most {_MOST_CHARACTERS} characters, got {length}: shorten "
                f"the reasons, or drop what has been fixed",
            )


Architecture = Literal["amd64", "arm64"]


class Build(Model):
    """How images are built."""

    dockerfile: str = "Dockerfile"
    context: str = "."
    target: str | None = None
    arguments: dict[str, str] = Field(default_factory=dict)
    secret_parameters: dict[str, Parameter] = Field(default_factory=dict)
    """Secrets of the Dockerfile from SecureString parameters: id -> parameter's name."""
    secrets: dict[str, SecretField] = Field(default_factory=dict)
    """Secrets of the Dockerfile from Secrets Manager: id -> the secret's name."""
    platforms: Annotated[list[Architecture], Field(min_length=1), AfterValidator(once)] = ["amd64"]
    test_command: list[str] = Field(default_factory=list)
    """A program and its arguments, run in the image before it is pushed."""
    sbom_generator: str | None = None
    layer_cache: Literal["image", "registry"] | None = None
    """Where layers are kept for the next build; by default the Dockerfile decides."""
    buildspec: (
        Annotated[
            str,
            text(
                r"(?!/)(?!(.*/)?\.\.(/|$))\S+\.ya?ml",
                "the path of a YAML file below the source's root, such as 'buildspec.yml'",
                maximum=1024,
            ),
        ]
        | None
    ) = None
    """The repository's own buildspec, in the place of the library's."""

    compute_type: Literal["SMALL", "MEDIUM", "LARGE", "X_LARGE", "X2_LARGE"] = "SMALL"
    timeout_minutes: Annotated[int, Field(ge=5, le=2160)] = 30
    concurrent_builds: Annotated[int, Field(ge=1, le=10_000)] | None = None
    queued_timeout_minutes: Annotated[int, Field(ge=5, le=480)] | None = None
    docker_hub: DockerHub | None = None
    """The Docker Hub login; none by default, and pulls are anonymous."""
    pull_through_cache: str | None = None
    """The prefix of ECR's pull-through cache for Docker Hub, in the place of a login."""
    in_vpc: bool = False
    """Whether builds run in the platform's private subnets, and reach what is private there."""
    scan: Scan = Scan()

    def mistakes(self) -> Iterator[Mistake]:
        """Find what Docker does not take, two ways to one end, and what a buildspec decides."""
        yield from refused(lambda: self.docker_build({}), prefix="docker_build")
        for name in ("secret_parameters", "secrets"):
            yield from secret_ids(name, getattr(self, name))
        if both := sorted(set(self.secrets) & set(self.secret_parameters)):
            yield mistake(
                "secrets",
                f"must not repeat ids of secret_parameters, got {', '.join(both)} in both",
                reads=["secret_parameters"],
            )
        for name in sorted(_OF_THE_LIBRARYS_BUILDSPEC & self.model_fields_set):
            if self.buildspec is not None:
                yield mistake(
                    name,
                    "must be left out with buildspec: it is for the library's, and the "
                    "repository's own decides what it does",
                    reads=["buildspec"],
                )
        if (prefix := self.pull_through_cache) is not None:
            yield from refused(
                lambda: PullThroughCache(prefix=prefix),
                prefix="pull_through_cache",
                names={"prefix": "pull_through_cache"},
            )
            if self.docker_hub is not None:
                yield mistake(
                    "docker_hub",
                    "must be left out with pull_through_cache, which is another way to the same "
                    "images: give one of them",
                    reads=["pull_through_cache"],
                )

    def docker_build(self, secrets: Mapping[str, BuildSecret]) -> DockerBuild:
        """Return how the Dockerfile becomes an image.

        Parameters
        ----------
        secrets
            Its secrets, by id.

        Returns
        -------
        DockerBuild
            The build.
        """
        return DockerBuild(
            dockerfile=self.dockerfile,
            context=self.context,
            target=self.target,
            arguments=self.arguments,
            secrets=secrets,
            platforms=[Platform(f"linux/{name}") for name in self.platforms],
            test_command=self.test_command,
            sbom_generator=self.sbom_generator,
            layer_cache=LayerCache(self.layer_cache) if self.layer_cache else None,
        )
