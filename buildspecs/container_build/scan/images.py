"""Which images stand behind a digest: ECR scans the images of an index, not the index."""

from __future__ import annotations

import json
from typing import Any

from container_build.printable import printable
from container_build.scan.findings import Image, UnreadableError, expect
from container_build.scan.registry import Registry

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def images_behind(registry: Registry, image: Image) -> list[Image]:
    """Find the images that can run.

    Parameters
    ----------
    registry
        Answers for the repository.
    image
        An image or an index.

    Returns
    -------
    list[Image]
        The image itself, or those of the index.

    Raises
    ------
    UnreadableError
        If the manifest cannot be read, or no image is in the index.
    NotYetError
        If AWS does not answer now.
    """
    answer = registry.ask(
        "BatchGetImage",
        imageIds=[{"imageDigest": image.digest}],
        acceptedMediaTypes=[*INDEXES, *MANIFESTS],
    )
    images = expect(list, answer.get("images"), "images")
    if not images:
        raise UnreadableError(
            f"ECR has no image {image.digest}: {printable(answer.get('failures'), 200)}"
        )
    try:
        manifest = expect(dict, json.loads(images[0]["imageManifest"]), "manifest")
    except (ValueError, TypeError, KeyError):
        raise UnreadableError(f"the manifest of {image.digest} is not readable") from None
    if "manifests" not in manifest:
        return [image]
    found = []
    for entry in expect(list, manifest["manifests"], "image index"):
        if _is_attestation(expect(dict, entry, "image index")):
            continue
        platform = expect(dict, entry.get("platform") or {}, "platform")
        named = [platform.get(key) for key in ("os", "architecture", "variant")]
        child = Image(
            expect(str, entry.get("digest"), "digest"),
            printable("/".join(str(part) for part in named if part)) or "unnamed",
        )
        is_index = entry.get("mediaType") in INDEXES
        found += images_behind(registry, child) if is_index else [child]
    if not found:
        raise UnreadableError(f"the image index {image.digest} holds no image that can run")
    return found


def _is_attestation(entry: dict[str, Any]) -> bool:
    """Tell what BuildKit attaches to an image from what may run: by both of its marks.

    An image of a real platform could carry the annotation, and one of an unknown platform can be
    run by whoever names it; neither would have been looked at.
    https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
    """
    platform = expect(dict, entry.get("platform") or {}, "platform")
    annotations = expect(dict, entry.get("annotations") or {}, "annotations")
    return (
        platform.get("os") == platform.get("architecture") == "unknown"
        and annotations.get("vnd.docker.reference.type") == "attestation-manifest"
    )
