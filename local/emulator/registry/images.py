"""The API's operations on images."""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from ministack.services import ecr

from local.emulator.pages import page
from local.emulator.registry import immutability, scans
from local.emulator.scope import current
from local.emulator.service import Operation, ServiceError

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def operations() -> dict[str, Operation]:
    """Return the operations."""
    return {
        "PutImage": _put,
        "ListImages": _list,
        "DescribeImages": _describe,
        "BatchGetImage": _batch_get,
        "BatchDeleteImage": _batch_delete,
        "StartImageScan": _start_scan,
        "DescribeImageScanFindings": _describe_findings,
    }


def find_repository(name: str) -> dict[str, Any]:
    """Return a repository."""
    if name not in ecr._repositories:
        raise ServiceError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id "
            f"'{current().account}'",
        )
    repository: dict[str, Any] = ecr._repositories[name]
    return repository


def find_image(name: str, image_id: Mapping[str, str]) -> dict[str, Any]:
    """Return an image by digest, tag or both."""
    find_repository(name)
    for image in ecr._images[name]:
        if _is(image, image_id):
            found: dict[str, Any] = image
            return found
    raise ServiceError("ImageNotFoundException", _missing(name, image_id))


def _is(image: Mapping[str, Any], image_id: Mapping[str, str]) -> bool:
    digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
    return (
        (digest is not None or tag is not None)
        and digest in (None, image["imageDigest"])
        and (tag is None or tag in image["imageTags"])
    )


def _missing(name: str, image_id: Mapping[str, str]) -> str:
    digest, tag = image_id.get("imageDigest", "null"), image_id.get("imageTag", "null")
    return (
        f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist "
        f"within the repository with name '{name}' in the registry with id '{current().account}'"
    )


def _put(request: dict[str, Any]) -> dict[str, Any]:
    name, tag = request["repositoryName"], request.get("imageTag")
    repository = find_repository(name)
    manifest = request["imageManifest"]
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    if request.get("imageDigest", digest) != digest:
        raise ServiceError(
            "ImageDigestDoesNotMatchException",
            f"The given digest does not match the one of the manifest, {digest}",
        )
    for image in ecr._images[name]:
        if image["imageDigest"] == digest and (tag is None or tag in image["imageTags"]):
            raise ServiceError(
                "ImageAlreadyExistsException",
                f"Image with digest '{digest}' and tag '{tag or 'null'}' already exists in the "
                f"repository with name '{name}' in registry with id '{current().account}'",
            )
    if tag:
        immutability.refuse_taken(repository, tag)
    kind = request.get("imageManifestMediaType") or _media_type(manifest)
    ecr._v2_put_manifest(name, tag or digest, {"content-type": kind}, manifest.encode())
    image = find_image(name, {"imageDigest": digest})
    return {"image": _shown(image, {"imageDigest": digest, **({"imageTag": tag} if tag else {})})}


def _media_type(manifest: str) -> str:
    return str(json.loads(manifest).get("mediaType", _MANIFEST))


def _shown(image: Mapping[str, Any], image_id: Mapping[str, str]) -> dict[str, Any]:
    return {
        "registryId": image["registryId"],
        "repositoryName": image["repositoryName"],
        "imageId": dict(image_id),
        "imageManifest": image["imageManifest"],
        "imageManifestMediaType": image["imageManifestMediaType"],
    }


def _list(request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    find_repository(name)
    wanted = request.get("filter", {}).get("tagStatus", "ANY")
    ids: list[dict[str, str]] = []
    for image in ecr._images[name]:
        digest = {"imageDigest": image["imageDigest"]}
        if image["imageTags"] and wanted != "UNTAGGED":
            ids += [{**digest, "imageTag": tag} for tag in image["imageTags"]]
        elif not image["imageTags"] and wanted != "TAGGED":
            ids.append(digest)
    return page("imageIds", ids, request)


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    repository = find_repository(name)
    if "imageIds" in request:
        images = [find_image(name, image_id) for image_id in request["imageIds"]]
    else:
        images = list(ecr._images[name])
    wanted = request.get("filter", {}).get("tagStatus", "ANY")
    details = [
        {
            "registryId": repository["registryId"],
            "repositoryName": name,
            "imageDigest": image["imageDigest"],
            **({"imageTags": image["imageTags"]} if image["imageTags"] else {}),
            "imageSizeInBytes": _size(image),
            "imagePushedAt": image["imagePushedAt"],
            "imageManifestMediaType": image["imageManifestMediaType"],
            **scans.summary(name, image["imageDigest"]),
        }
        for image in images
        if wanted == "ANY" or (wanted == "TAGGED") == bool(image["imageTags"])
    ]
    return page("imageDetails", details, request)


def _size(image: Mapping[str, Any]) -> int:
    manifest = json.loads(image["imageManifest"])
    # An image of labels alone has null for its layers.
    parts = [
        manifest.get("config", {}),
        *(manifest.get("layers") or ()),
        *(manifest.get("manifests") or ()),
    ]
    return sum(int(part.get("size", 0)) for part in parts)


def _batch_get(request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    images, failures = [], []
    for image_id in request["imageIds"]:
        try:
            image = find_image(name, image_id)
        except ServiceError as error:
            if error.code == "RepositoryNotFoundException":
                raise
            failures.append(_failure(image_id))
        else:
            images.append(_shown(image, {**image_id, "imageDigest": image["imageDigest"]}))
    return {"images": images, "failures": failures}


def _batch_delete(request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    deleted, failures = [], []
    for image_id in request["imageIds"]:
        try:
            image = find_image(name, image_id)
        except ServiceError as error:
            if error.code == "RepositoryNotFoundException":
                raise
            failures.append(_failure(image_id))
            continue
        deleted.append({**image_id, "imageDigest": image["imageDigest"]})
        # By tag it is the tag that goes, and the image with its last one.
        if "imageTag" in image_id:
            image["imageTags"].remove(image_id["imageTag"])
        if "imageTag" not in image_id or not image["imageTags"]:
            ecr._v2_delete_manifest(name, image["imageDigest"])
    return {"imageIds": deleted, "failures": failures}


def _failure(image_id: Mapping[str, str]) -> dict[str, Any]:
    return {
        "imageId": dict(image_id),
        "failureCode": "ImageNotFound",
        "failureReason": "Requested image not found",
    }


def _start_scan(request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    image = find_image(name, request["imageId"])
    if not scans.is_scannable(image):
        raise ServiceError(
            "UnsupportedImageTypeException",
            f"The image type {image['imageManifestMediaType']} cannot be scanned",
        )
    scan = scans.find(name, image["imageDigest"])
    if scan is not None and time.time() - scan["startedAt"] < scans.INTERVAL_SECONDS:
        raise ServiceError(
            "LimitExceededException",
            "The scan quota per image has been exceeded. Wait and try again.",
        )
    scans.scan(name, image)
    return {
        **_about(name, image, request["imageId"]),
        "imageScanStatus": {"status": "IN_PROGRESS"},
    }


def _describe_findings(request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    image = find_image(name, request["imageId"])
    scan = scans.find(name, image["imageDigest"])
    if scan is None:
        digest = image["imageDigest"]
        raise ServiceError(
            "ScanNotFoundException",
            f"Image scan does not exist for the image with '{{imageDigest:'{digest}'}}' in the "
            f"repository with name '{name}' in the registry with id '{current().account}'",
        )
    answer = {
        **_about(name, image, request["imageId"]),
        "imageScanStatus": {"status": scan["status"], "description": scan["description"]},
    }
    if scan["status"] in {"COMPLETE", "ACTIVE"}:
        member = "enhancedFindings" if scan["enhanced"] else "findings"
        shown = page(member, scan["findings"], request)
        answer["imageScanFindings"] = {
            **scans.totals(scan),
            member: shown[member],
        }
        if "nextToken" in shown:
            answer["nextToken"] = shown["nextToken"]
    return answer


def _about(name: str, image: Mapping[str, Any], image_id: Mapping[str, str]) -> dict[str, Any]:
    return {
        "registryId": image["registryId"],
        "repositoryName": name,
        "imageId": {**image_id, "imageDigest": image["imageDigest"]},
    }
