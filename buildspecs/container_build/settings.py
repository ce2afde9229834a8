"""What a build is given, in variables of its project and of its pipeline."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from container_build.failure import BuildFailedError
from container_build.printable import printable

_REQUIRED = (
    *("REPOSITORY_URI", "CACHE_TAG", "SCAN_GATE", "BUILD_OPTIONS", "BUILD_PLATFORMS"),
    *("CODEBUILD_SRC_DIR", "BUILD_FOLDER"),
)
_REPOSITORY = re.compile(r"(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.[^/]+/(.+)")


@dataclass(frozen=True)
class Repository:
    """Where the image is pushed.

    Attributes
    ----------
    uri
        The address that images are named by.
    account, region
        The registry's: they need not be the build's own.
    name
        The repository's name in its registry.
    """

    uri: str
    account: str
    region: str
    name: str

    @property
    def registry(self) -> str:
        """The host to log in to."""
        return self.uri.partition("/")[0]


@dataclass(frozen=True)
class ImageOptions:
    """How the image is built.

    `secrets` has the variable that holds each secret, by its id. `layer_cache` is ``image``,
    ``registry``, or empty where the build decides.
    """

    dockerfile: str
    context: str
    target: str | None
    arguments: Mapping[str, str]
    secrets: Mapping[str, str]
    layer_cache: str


@dataclass(frozen=True)
class Settings:
    """All that a build is given.

    Attributes
    ----------
    source
        The root of the source, without symbolic links.
    folder
        Where the build keeps its own files.
    cache_from
        A further cache to read, of another repository; empty for none.
    container_name
        The container that gets the image; empty for a build that only verifies.
    release_image
        ``new``, ``previous``, a digest or an image by digest.
    live_parameter, previous_parameter
        The parameters of the image pointer, empty without one.
    commit
        The commit's id; empty for a source without commits.
    report_folders
        Folders of the source with files for reports -> where CodeBuild finds them.
    deploy_files_parameter
        The parameter that describes what CodeDeploy deploys; empty for other deployments.
    """

    source: Path
    folder: Path
    repository: Repository
    cache_tag: str
    cache_from: str
    options: ImageOptions
    platforms: str
    test_command: tuple[str, ...]
    sbom_generator: str
    docker_hub_user: str
    docker_hub_token: str = field(repr=False)
    pull_through_cache: str
    scan_gate: str
    container_name: str
    source_url: str
    release_image: str
    live_parameter: str
    previous_parameter: str
    commit: str
    build_number: str
    report_folders: Mapping[str, str]
    deploy_files_parameter: str

    @property
    def is_new(self) -> bool:
        """Whether an image is built, and not one released that is there already."""
        return self.release_image == "new"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings out of the build's variables.

    Parameters
    ----------
    environ
        The variables.

    Returns
    -------
    Settings
        The settings.

    Raises
    ------
    BuildFailedError
        If a variable is missing or is not what the project writes.
    """
    only_verifies = bool(environ.get("VERIFY_ONLY"))
    for name in (*_REQUIRED, *(() if only_verifies else ("CONTAINER_NAME",))):
        if not environ.get(name):
            raise BuildFailedError(
                f"The variable {name} is not set: start this build through its pipeline."
            )
    return Settings(
        source=Path(environ["CODEBUILD_SRC_DIR"]).resolve(),
        folder=Path(environ["BUILD_FOLDER"]).resolve(),
        repository=read_repository(environ["REPOSITORY_URI"]),
        cache_tag=environ["CACHE_TAG"],
        cache_from=environ.get("CACHE_FROM", ""),
        options=_options(environ["BUILD_OPTIONS"]),
        platforms=environ["BUILD_PLATFORMS"],
        test_command=_test_command(environ.get("TEST_COMMAND") or "[]"),
        sbom_generator=environ.get("SBOM_GENERATOR", ""),
        docker_hub_user=environ.get("DOCKERHUB_USER", ""),
        docker_hub_token=environ.get("DOCKERHUB_TOKEN", ""),
        pull_through_cache=environ.get("PULL_THROUGH_CACHE", ""),
        scan_gate=environ["SCAN_GATE"],
        container_name="" if only_verifies else environ["CONTAINER_NAME"],
        source_url=environ.get("SOURCE_URL", ""),
        release_image=environ.get("RELEASE_IMAGE") or "new",
        live_parameter=environ.get("LIVE_IMAGE_PARAMETER", ""),
        previous_parameter=environ.get("PREVIOUS_IMAGE_PARAMETER", ""),
        commit=environ.get("CODEBUILD_RESOLVED_SOURCE_VERSION", ""),
        build_number=environ.get("CODEBUILD_BUILD_NUMBER", ""),
        report_folders=_parsed("REPORT_FOLDERS", environ.get("REPORT_FOLDERS") or "{}", dict),
        deploy_files_parameter=environ.get("DEPLOY_FILES_PARAMETER", ""),
    )


def read_repository(uri: str) -> Repository:
    """Take the registry's account and region and the repository's name out of its address.

    Parameters
    ----------
    uri
        The address.

    Returns
    -------
    Repository
        The repository.

    Raises
    ------
    BuildFailedError
        If it is not that of a repository of Amazon ECR.
    """
    match = _REPOSITORY.fullmatch(uri)
    if not match:
        raise BuildFailedError(
            f"REPOSITORY_URI must be that of an ECR repository, got {printable(uri)!r}."
        )
    return Repository(uri, *match.groups())


def aws_domain(uri: str) -> str:
    """Take the domain of AWS's partition out of the address of an image or repository.

    Parameters
    ----------
    uri
        The address.

    Returns
    -------
    str
        The domain, such as ``amazonaws.com``.
    """
    _, found, rest = uri.partition("/")[0].partition(".dkr.ecr")
    # Of dual-stack addresses (.dkr-ecr.<region>.on.aws), which name no partition, the usual one.
    return rest.split(".", 2)[-1] if found else "amazonaws.com"


def _options(document: str) -> ImageOptions:
    given = _parsed("BUILD_OPTIONS", document, dict)
    return ImageOptions(
        dockerfile=given.get("dockerfile", "Dockerfile"),
        context=given.get("context", "."),
        target=given.get("target"),
        arguments=given.get("arguments", {}),
        secrets=given.get("secrets", {}),
        layer_cache=given.get("layer_cache", ""),
    )


def _test_command(document: str) -> tuple[str, ...]:
    return tuple(str(word) for word in _parsed("TEST_COMMAND", document, list))


def _parsed(name: str, document: str, kind: type) -> Any:
    try:
        given = json.loads(document)
    except ValueError:
        given = None
    if not isinstance(given, kind):
        raise BuildFailedError(f"{name} must be the document that the project writes; deploy it.")
    return given
