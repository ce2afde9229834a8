"""Tags that must not move, and those that may: exclusion filters."""

import re
from collections.abc import Mapping
from typing import Any

from ministack.services import ecr

from local.emulator.service import Response, ServiceError

_FILTERS = "imageTagMutabilityExclusionFilters"


def enforce() -> None:
    """Make pushes over the registry obey."""
    original = ecr._v2_put_manifest
    original_shape = ecr._repo_shape

    def put_manifest(name: str, ref: str, headers: Mapping[str, str], body: bytes) -> Response:
        repository = ecr._repositories.get(name)
        if repository is not None and not ref.startswith("sha256:") and is_taken(repository, ref):
            refused: Response = ecr._registry_error(400, "TAG_INVALID", _refusal(name, ref), {})
            return refused
        answer: Response = original(name, ref, headers, body)
        return answer

    def shape(repository: Mapping[str, Any]) -> dict[str, Any]:
        filters = repository.get(_FILTERS)
        return {**original_shape(repository), **({_FILTERS: filters} if filters else {})}

    ecr._v2_put_manifest = put_manifest
    ecr._repo_shape = shape


def is_taken(repository: Mapping[str, Any], tag: str) -> bool:
    """Return whether a tag is there and must stay where it is."""
    if not _is_immutable(repository, tag):
        return False
    return any(tag in image["imageTags"] for image in ecr._images[repository["repositoryName"]])


def refuse_taken(repository: Mapping[str, Any], tag: str) -> None:
    """Raise the API's error where a tag is there and must stay where it is."""
    if is_taken(repository, tag):
        raise ServiceError(
            "ImageTagAlreadyExistsException", _refusal(repository["repositoryName"], tag)
        )


def set_mutability(repository: dict[str, Any], request: Mapping[str, Any]) -> None:
    """Take mutability and filters of a request over into a repository."""
    mutability = request.get("imageTagMutability", "MUTABLE")
    filters = request.get(_FILTERS, [])
    if mutability.endswith("_WITH_EXCLUSION") != bool(filters):
        raise ServiceError(
            "InvalidParameterException",
            f"{_FILTERS} and an imageTagMutability with exclusion need each other",
        )
    repository["imageTagMutability"] = mutability
    repository[_FILTERS] = list(filters)


def _is_immutable(repository: Mapping[str, Any], tag: str) -> bool:
    excluded = any(_matches(each["filter"], tag) for each in repository.get(_FILTERS, ()))
    match repository["imageTagMutability"]:
        case "IMMUTABLE":
            return True
        case "IMMUTABLE_WITH_EXCLUSION":
            return not excluded
        case "MUTABLE_WITH_EXCLUSION":
            return excluded
    return False


def _matches(pattern: str, tag: str) -> bool:
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), tag))


def _refusal(name: str, tag: str) -> str:
    return (
        f"The image tag '{tag}' already exists in the '{name}' repository and cannot be "
        "overwritten because the tag is immutable."
    )
