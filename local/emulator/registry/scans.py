"""Image scans, with the findings that somebody wants to see.

Nothing is really scanned. What a scan finds is set beforehand or afterwards, for one image or for
all images of a repository; without that it finds nothing.
"""

import collections
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.services import ecr

from local.emulator.events import emit
from local.emulator.service import Response, store

INTERVAL_SECONDS = 24 * 60 * 60

# What an attestation has for a layer: its manifest looks like that of an image, but is none.
_ATTESTATION = "application/vnd.in-toto+json"

_IMAGE_CONFIGS = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
}

# repository@digest -> scan
results = store()
# repository, or repository@digest -> what scans shall find
prepared = store()


def scan_on_push() -> None:
    """Scan what is pushed to a repository that asks for it."""
    original = ecr._v2_put_manifest

    def put_manifest(name: str, ref: str, headers: Mapping[str, str], body: bytes) -> Response:
        answer: Response = original(name, ref, headers, body)
        if answer[0] == 201 and ecr._repositories[name]["imageScanningConfiguration"]["scanOnPush"]:
            digest = answer[1]["Docker-Content-Digest"]
            (image,) = (one for one in ecr._images[name] if one["imageDigest"] == digest)
            if is_scannable(image) and find(name, digest) is None:
                scan(name, image)
        return answer

    ecr._v2_put_manifest = put_manifest


def is_scannable(image: Mapping[str, Any]) -> bool:
    """Return whether a manifest is that of an image, and not of an index or a build cache."""
    manifest = json.loads(image["imageManifest"])
    # An image of labels alone has null there.
    layers = {layer.get("mediaType") for layer in manifest.get("layers") or ()}
    return (
        manifest.get("config", {}).get("mediaType") in _IMAGE_CONFIGS and _ATTESTATION not in layers
    )


def find(name: str, digest: str) -> dict[str, Any] | None:
    """Return the newest scan of an image."""
    found: dict[str, Any] | None = results.get(f"{name}@{digest}")
    return found


def scan(name: str, image: Mapping[str, Any]) -> None:
    """Scan an image."""
    digest = image["imageDigest"]
    outcome = prepared.get(f"{name}@{digest}") or prepared.get(name) or _outcome([])
    results[f"{name}@{digest}"] = {**outcome, "startedAt": time.time()}
    _emit(name, image, outcome)


def prepare(
    name: str,
    digest: str | None,
    findings: Sequence[Mapping[str, Any]],
    *,
    status: str = "COMPLETE",
    description: str = "",
    enhanced: bool = False,
) -> None:
    """Set what scans find.

    Parameters
    ----------
    name
        Of the repository.
    digest
        Of an image; None for all images of the repository that have no findings of their own.
    findings
        As DescribeImageScanFindings shows them.
    status, description
        How the scan ends.
    enhanced
        Whether they have the shape of the enhanced scan.
    """
    outcome = _outcome(findings, status, description, enhanced=enhanced)
    prepared[f"{name}@{digest}" if digest else name] = outcome
    for key in list(results):
        if key == f"{name}@{digest}" or (
            digest is None and key.startswith(f"{name}@") and key not in prepared
        ):
            results[key] = {**results[key], **outcome}


def summary(name: str, digest: str) -> dict[str, Any]:
    """Return what DescribeImages says of an image's scan."""
    found = find(name, digest)
    if found is None:
        return {}
    shown: dict[str, Any] = {
        "imageScanStatus": {"status": found["status"], "description": found["description"]}
    }
    if found["status"] in {"COMPLETE", "ACTIVE"}:
        shown["imageScanFindingsSummary"] = totals(found)
    return shown


def totals(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return when a scan ended and how much it found by severity."""
    counts = collections.Counter(each["severity"] for each in found["findings"])
    return {
        "imageScanCompletedAt": found["startedAt"],
        "vulnerabilitySourceUpdatedAt": found["startedAt"],
        "findingSeverityCounts": dict(counts),
    }


def _outcome(
    findings: Sequence[Mapping[str, Any]],
    status: str = "COMPLETE",
    description: str = "The scan was completed successfully.",
    *,
    enhanced: bool = False,
) -> dict[str, Any]:
    return {
        "status": status,
        "description": description,
        "enhanced": enhanced,
        "findings": [dict(each) for each in findings],
    }


def _emit(name: str, image: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
    counts = collections.Counter(each["severity"] for each in outcome["findings"])
    emit(
        "aws.ecr",
        "ECR Image Scan",
        {
            "scan-status": outcome["status"],
            "repository-name": name,
            "finding-severity-counts": dict(counts),
            "image-digest": image["imageDigest"],
            "image-tags": list(image["imageTags"]),
        },
        [ecr._repositories[name]["repositoryArn"]],
    )
