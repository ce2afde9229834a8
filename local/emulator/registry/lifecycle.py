"""Lifecycle policies: which images ECR would expire, and the API's preview of it.

The rules are those of https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html:
each image is expired by one rule at most; one that matches the tags of a rule cannot be expired by
a rule of a lower priority; what other rules have marked still counts; and what an index refers to
cannot go before the index. Nothing is really removed here.
"""

import fnmatch
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from ministack.services import ecr

from local.emulator.registry.images import find_repository
from local.emulator.service import Operation, ServiceError, store

_Image: TypeAlias = Mapping[str, Any]

_DAY: Final = 24 * 60 * 60

_previews = store()


def operations() -> dict[str, Operation]:
    """Return the operations."""
    return {"StartLifecyclePolicyPreview": _start, "GetLifecyclePolicyPreview": _get}


def expired(policy: Mapping[str, Any], images: Iterable[_Image], now: float) -> dict[str, int]:
    """Tell which images a policy would expire.

    Parameters
    ----------
    policy
        The policy.
    images
        The repository's: ``imageDigest``, ``imageTags``, ``imagePushedAt`` in seconds, and
        ``imageManifest``.
    now
        The time.

    Returns
    -------
    dict[str, int]
        The digest of each, with the priority of the rule that expires it.
    """
    newest = sorted(images, key=lambda image: image["imagePushedAt"], reverse=True)
    gone: dict[str, int] = {}
    spoken_for: set[str] = set()
    for rule in sorted(policy["rules"], key=lambda rule: rule["rulePriority"]):
        selection = rule["selection"]
        matched = [image for image in newest if _matches(selection, image["imageTags"])]
        number = int(selection["countNumber"])
        if selection["countType"] == "imageCountMoreThan":
            over = matched[number:]
        else:
            over = [image for image in matched if now - image["imagePushedAt"] > number * _DAY]
        for image in over:
            if image["imageDigest"] not in spoken_for:
                gone[image["imageDigest"]] = rule["rulePriority"]
        spoken_for |= {image["imageDigest"] for image in matched}
    kept = [image for image in newest if image["imageDigest"] not in gone]
    for image in kept:
        for part in json.loads(image["imageManifest"]).get("manifests") or ():
            gone.pop(part["digest"], None)
    return gone


def _matches(selection: Mapping[str, Any], tags: list[str]) -> bool:
    if selection["tagStatus"] == "untagged":
        return not tags
    patterns = [
        *selection.get("tagPatternList", ()),
        *(f"{prefix}*" for prefix in selection.get("tagPrefixList", ())),
    ]
    if selection["tagStatus"] == "any":
        return True
    return bool(tags) and all(
        any(fnmatch.fnmatchcase(tag, pattern) for tag in tags) for pattern in patterns
    )


def _start(request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    repository = find_repository(name)
    text = request.get("lifecyclePolicyText") or ecr._lifecycle_policies.get(name)
    if not text:
        raise ServiceError(
            "LifecyclePolicyNotFoundException",
            f"Lifecycle policy does not exist for the repository with name '{name}'",
        )
    _previews[name] = text
    return {
        "registryId": repository["registryId"],
        "repositoryName": name,
        "lifecyclePolicyText": text,
        "status": "IN_PROGRESS",
    }


def _get(request: dict[str, Any]) -> dict[str, Any]:
    name = request["repositoryName"]
    repository = find_repository(name)
    text = _previews.get(name)
    if text is None:
        raise ServiceError(
            "LifecyclePolicyPreviewNotFoundException",
            f"Lifecycle policy preview does not exist for the repository with name '{name}'",
        )
    images = {image["imageDigest"]: image for image in ecr._images[name]}
    results = [
        {
            "imageDigest": digest,
            "imageTags": images[digest]["imageTags"],
            "imagePushedAt": images[digest]["imagePushedAt"],
            "action": {"type": "EXPIRE"},
            "appliedRulePriority": priority,
        }
        for digest, priority in expired(json.loads(text), images.values(), time.time()).items()
    ]
    return {
        "registryId": repository["registryId"],
        "repositoryName": name,
        "lifecyclePolicyText": text,
        "status": "COMPLETE",
        "previewResults": results,
        "summary": {"expiringImageTotalCount": len(results)},
    }
