"""Where the layers of one build are kept for the next: in the image itself, or beside it.

An image can say in its configuration which steps its layers are of. The next build takes them from
there, and the engine's own builder can write that: nothing has to be pulled, booted and exported.
But it holds the image's layers alone, so the steps of other stages are lost. A cache of its own in
the registry has the layers of all stages, and only a builder in a container can write it.

https://docs.docker.com/build/cache/backends/inline/
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

from container_build.aws import Aws
from container_build.programs import AwsError
from container_build.settings import Settings
from container_build.state import State

_IMAGE = "image"
_FROM = re.compile(r"^[ \t]*FROM[ \t]", re.IGNORECASE | re.MULTILINE)
_LONGEST_DOCKERFILE = 1_000_000


def is_in_image(settings: Settings, chosen_builder: str) -> bool:
    """Decide where the layers are kept.

    Parameters
    ----------
    settings
        The build's settings.
    chosen_builder
        A builder of one's own, if there is one.

    Returns
    -------
    bool
        Whether in the image: as it is set, and else where the Dockerfile has one stage and the
        engine's own builder can do all that is asked for.
    """
    if settings.options.layer_cache:
        return settings.options.layer_cache == _IMAGE
    return not chosen_builder and not needs_builder(settings) and _has_one_stage(settings)


def needs_builder(settings: Settings) -> bool:
    """Tell whether there is more to do than the engine's own builder can."""
    return bool("," in settings.platforms or settings.sbom_generator or settings.pull_through_cache)


def cache_source(settings: Settings, state: State) -> list[str]:
    """Give the options by which earlier layers are found."""
    own = f"{settings.repository.uri}:{settings.cache_tag}"
    references = [own, *([settings.cache_from] if settings.cache_from else [])]
    ending = _tag_ending(state)
    return [
        word
        for reference in references
        for word in ("--cache-from", f"type=registry,ref={reference}{ending}")
    ]


def cache_target(settings: Settings, state: State) -> list[str]:
    """Give the options by which the layers are kept."""
    if state.is_cache_in_image:
        return ["--cache-to", "type=inline"]
    reference = f"{settings.repository.uri}:{settings.cache_tag}"
    # A cache that cannot be written fails no release.
    kept = "mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"
    return ["--cache-to", f"type=registry,ref={reference},{kept}"]


def mark_as_cache(settings: Settings, state: State, aws: Aws) -> None:
    """Give the image the tag by which the next build finds its layers.

    Without it that build is slower and no worse: what goes wrong is told, and fails nothing.

    Parameters
    ----------
    settings
        The build's settings.
    state
        How far the build is: it has pushed the image.
    aws
        Asks AWS.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-retag.html
    """
    from container_build.scan.images import INDEXES, MANIFESTS

    repository = settings.repository
    named = {"registryId": repository.account, "repositoryName": repository.name}
    try:
        found = aws.ask(
            "ecr",
            "BatchGetImage",
            {
                **named,
                "imageIds": [{"imageDigest": state.digest}],
                "acceptedMediaTypes": [*INDEXES, *MANIFESTS],
            },
            repository.region,
        )
        (image,) = found["images"]
        aws.ask(
            "ecr",
            "PutImage",
            {
                **named,
                "imageManifest": image["imageManifest"],
                "imageManifestMediaType": image["imageManifestMediaType"],
                "imageDigest": state.digest,
                "imageTag": f"{settings.cache_tag}{_tag_ending(state)}",
            },
            repository.region,
        )
    except AwsError as error:
        if error.code != "ImageAlreadyExistsException":
            print(f"The next build will not find this one's layers: {error}")
    except (KeyError, TypeError, ValueError):
        print("The next build will not find this one's layers: ECR has no manifest of the image")


def _tag_ending(state: State) -> str:
    # A tag of its own, which the repository's lifecycle treats as that of an image.
    return f"-{_IMAGE}" if state.is_cache_in_image else ""


def _has_one_stage(settings: Settings) -> bool:
    wanted = Path(settings.source, settings.options.dockerfile)
    for file in (wanted, wanted.with_name(wanted.name.lower())):
        if file.exists() and stat.S_ISREG(file.stat().st_mode):
            with file.open(encoding="utf-8", errors="replace") as text:
                return len(_FROM.findall(text.read(_LONGEST_DOCKERFILE))) == 1
    return False
