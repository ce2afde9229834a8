"""How a Dockerfile becomes an image."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from aws_cdk import aws_codebuild as codebuild

from container_pipelines._checks import check_name, is_token
from container_pipelines._types import checked
from container_pipelines.build.build_secret import BuildSecret

SOURCE_PATH: Final = r"(?!/)(?!(.*/)?\.\.(/|$))[^\x00-\x1f]+"
"""A path that stays below the source's root."""
PATH_ALLOWED: Final = "a path below the source's root, without '..'"
"""What such a path is, for messages."""
_ARGUMENT: Final = r"[A-Za-z_][A-Za-z0-9_]*"
# A digest, or a tag, or neither.
_IMAGE: Final = r"[a-zA-Z0-9][a-zA-Z0-9._:/-]*(@sha256:[0-9a-f]{64})?"


class Platform(StrEnum):
    """What an image runs on."""

    AMD64 = "linux/amd64"
    ARM64 = "linux/arm64"


class LayerCache(StrEnum):
    """Where the layers of one build are kept for the next."""

    IMAGE = "image"
    """In the image: those of its last stage. The engine's own builder writes them."""
    REGISTRY = "registry"
    """Beside the image: those of all stages. Each build pulls and boots a builder, BuildKit in a
    container, to write them."""


@checked("docker_build")
@dataclass(frozen=True, slots=True, kw_only=True)
class DockerBuild:
    """What to build an image from, for what, and how to tell that it is any good.

    Parameters
    ----------
    dockerfile
        The Dockerfile, from the source's root.
    context
        The folder that ``COPY`` takes from, from the source's root.
    target
        The stage to build; the last one by default.
    arguments
        Values for ``ARG``. Anybody who has the image can read them: a secret belongs to
        ``secrets``.
    secrets
        Secrets by the id with which the Dockerfile asks for them
        (``RUN --mount=type=secret,id=npm_token``). They are in no layer, no log and no template.
    platforms
        What the image is for; x86-64 by default. For ARM alone the build runs on an ARM machine.
        For both, it runs on x86-64, and what a Dockerfile runs for ARM is emulated, which is slow;
        the image is then an index of two, each of which is scanned.
    test_command
        A program with its arguments that is run in the freshly built image, in the place of its
        own: the image is only pushed if it succeeds. Without a shell: ``("npm", "test")``, or
        ``("sh", "-c", "...")`` where the image has one. The image's user runs it. Files that it
        leaves in ``/test-results`` can become reports, see :class:`BuildReport`. With several
        platforms the first is tested. No test by default.
    sbom_generator
        The image of a BuildKit SBOM generator, such as
        ``docker/buildkit-syft-scanner:stable-1``. The build then leaves an SPDX document,
        ``sbom/sbom.spdx.json`` (for several platforms one in a folder of each), in its artifact.
        None by default, since each build pulls the generator and writes the image's files once
        more.
    layer_cache
        Where the layers are kept. By default in the image where the Dockerfile has one stage, and
        in the registry where it has several, where ``platforms`` are two, for an
        ``sbom_generator``, behind a pull-through cache, and with a builder of one's own. Choose
        ``IMAGE`` where all that takes long is in the last of several stages.

    Raises
    ------
    ValueError
        If a path leaves the source, a name is not one that Docker takes, no platform or one
        twice is given, ``arguments`` or ``test_command`` name what cannot be passed on, or layers
        are to be kept in an image for two platforms.

    Notes
    -----
    https://docs.docker.com/build/building/secrets/,
    https://docs.docker.com/build/metadata/attestations/sbom/ and
    https://docs.docker.com/build/cache/backends/
    """

    dockerfile: str = "Dockerfile"
    context: str = "."
    target: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, BuildSecret] = field(default_factory=dict)
    platforms: Sequence[Platform] = (Platform.AMD64,)
    test_command: Sequence[str] = ()
    sbom_generator: str | None = None
    layer_cache: LayerCache | None = None

    def __post_init__(self) -> None:
        for parameter, path in (("dockerfile", self.dockerfile), ("context", self.context)):
            check_name(
                f"docker_build.{parameter}",
                path,
                pattern=SOURCE_PATH,
                maximum=1024,
                allowed=PATH_ALLOWED,
            )
        if self.target is not None:
            check_name(
                "docker_build.target",
                self.target,
                pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
                maximum=128,
                allowed="the name of a stage, as in 'FROM ... AS name'",
            )
        for name in self.arguments:
            check_name(
                "docker_build.arguments",
                name,
                pattern=_ARGUMENT,
                maximum=128,
                allowed="names of ARG: letters, digits and '_'",
            )
        for name in self.secrets:
            check_name(
                "docker_build.secrets",
                name,
                pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
                maximum=128,
                allowed="ids of secrets: letters, digits, '_', '.' and '-'",
            )
        if self.sbom_generator is not None:
            check_name(
                "docker_build.sbom_generator",
                self.sbom_generator,
                pattern=_IMAGE,
                maximum=512,
                allowed="the name of an image, with a tag or digest",
            )
        _check_platforms(self.platforms)
        _check_layer_cache(self.layer_cache, self.platforms)
        _check_known([*self.arguments.values(), *self.test_command])

    @property
    def runs_on_arm(self) -> bool:
        """Whether the build needs an ARM machine."""
        return list(self.platforms) == [Platform.ARM64]

    def variables(self) -> dict[str, codebuild.BuildEnvironmentVariable]:
        """Render what the library's buildspec reads from its environment.

        Returns
        -------
        dict
            The variables by name, those that hold the secrets included.
        """
        plain = {
            "BUILD_OPTIONS": _json(self._options()),
            # The machine's own first: it is the one that is tested.
            "BUILD_PLATFORMS": ",".join(sorted(self.platforms)),
            **({"TEST_COMMAND": _json(list(self.test_command))} if self.test_command else {}),
            **({"SBOM_GENERATOR": self.sbom_generator} if self.sbom_generator else {}),
        }
        return {
            **{
                name: codebuild.BuildEnvironmentVariable(value=value)
                for name, value in plain.items()
            },
            **{
                variable: self.secrets[secret].variable for secret, variable in self._secret_names()
            },
        }

    def _options(self) -> dict[str, object]:
        """Give what the build's program makes arguments of ``docker buildx build`` of."""
        return {
            "dockerfile": self.dockerfile,
            "context": self.context,
            **({"target": self.target} if self.target is not None else {}),
            **({"arguments": dict(sorted(self.arguments.items()))} if self.arguments else {}),
            **({"secrets": dict(self._secret_names())} if self.secrets else {}),
            **({"layer_cache": self.layer_cache} if self.layer_cache is not None else {}),
        }

    def _secret_names(self) -> Iterator[tuple[str, str]]:
        """Give the secrets' ids, each with the variable that holds it in the build."""
        for number, secret in enumerate(sorted(self.secrets), start=1):
            yield secret, f"BUILD_SECRET_{number}"


def _json(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


def _check_platforms(platforms: Sequence[Platform]) -> None:
    allowed = ", ".join(f"'{platform}'" for platform in Platform)
    given = [str(platform) for platform in platforms]
    if given and len(set(given)) == len(given):
        return
    raise ValueError(
        f"'docker_build.platforms' must be one or more of {allowed}, each once, got {given}; omit "
        f"it to build for x86-64"
    )


def _check_layer_cache(layer_cache: LayerCache | None, platforms: Sequence[Platform]) -> None:
    if layer_cache == LayerCache.IMAGE and len(platforms) > 1:
        raise ValueError(
            "'docker_build.layer_cache' must be 'registry' for an image for two platforms, got "
            "'image'; omit it"
        )


def _check_known(texts: Sequence[str]) -> None:
    """Reject tokens, whose quotes could break the JSON document, and what no argument can hold."""
    for text in texts:
        if is_token(text):
            raise ValueError(
                "'docker_build.arguments' and 'docker_build.test_command' must be known at "
                "synthesis, got a token; give the value itself, or use 'secrets'"
            )
        if "\0" in text:
            raise ValueError(
                "'docker_build.arguments' and 'docker_build.test_command' must not hold the "
                "character NUL, got one; remove it"
            )
