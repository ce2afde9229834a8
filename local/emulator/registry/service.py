"""ECR's API where it differs from the emulator's own, and its resource type."""

import json
from collections.abc import Mapping
from typing import Any

from ministack.services import ecr
from ministack.services.cloudformation import provisioners

from local.emulator.pages import page
from local.emulator.registry import immutability, lifecycle, scans, tokens
from local.emulator.registry.images import find_repository, operations
from local.emulator.service import Service, ServiceError, plug_in, plug_over

_TYPE = "AWS::ECR::Repository"


def register() -> None:
    """Put ours over the emulator's."""
    service = Service(
        "ecr-local",
        {
            **operations(),
            **lifecycle.operations(),
            "GetAuthorizationToken": tokens.issue,
            "CreateRepository": _create,
            "PutImageTagMutability": _put_mutability,
            "DescribeRepositories": _describe,
        },
        {"tokens": tokens.tokens, "scans": scans.results, "prepared": scans.prepared},
        otherwise=ecr.handle_request,
    )
    plug_in(service)
    # ECR's own module stays: it keeps the state and answers the rest.
    plug_over("ecr", service)
    tokens.demand_tokens()
    scans.scan_on_push()
    immutability.enforce()
    _keep_filters_of_templates()


def _create(request: dict[str, Any]) -> dict[str, Any]:
    name = request.get("repositoryName", "")
    status, _, body = ecr._create_repository(request)
    answer: dict[str, Any] = json.loads(body)
    if status >= 400:
        raise ServiceError(answer["__type"], answer["message"])
    try:
        immutability.set_mutability(ecr._repositories[name], request)
    except ServiceError:
        ecr._delete_repository({"repositoryName": name})
        raise
    return {"repository": ecr._repo_shape(ecr._repositories[name])}


def _put_mutability(request: dict[str, Any]) -> dict[str, Any]:
    repository = find_repository(request["repositoryName"])
    immutability.set_mutability(repository, request)
    return {
        "registryId": repository["registryId"],
        "repositoryName": repository["repositoryName"],
        "imageTagMutability": repository["imageTagMutability"],
        "imageTagMutabilityExclusionFilters": repository["imageTagMutabilityExclusionFilters"],
    }


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    names = request.get("repositoryNames") or sorted(ecr._repositories)
    found = [ecr._repo_shape(find_repository(name)) for name in names]
    return page("repositories", found, request)


def _keep_filters_of_templates() -> None:
    handlers = provisioners._RESOURCE_HANDLERS[_TYPE]
    create, update = handlers["create"], handlers["update"]

    def keep(name: str, properties: Mapping[str, Any]) -> None:
        filters = [
            {
                "filterType": each["ImageTagMutabilityExclusionFilterType"],
                "filter": each["ImageTagMutabilityExclusionFilterValue"],
            }
            for each in properties.get("ImageTagMutabilityExclusionFilters") or ()
        ]
        request = {
            "imageTagMutability": properties.get("ImageTagMutability", "MUTABLE"),
            "imageTagMutabilityExclusionFilters": filters,
        }
        try:
            immutability.set_mutability(ecr._repositories[name], request)
        except ServiceError as error:
            raise ValueError(str(error)) from error

    def create_and_keep(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        created = create(logical_id, properties, stack)
        keep(created[0], properties)
        return created

    def update_and_keep(
        name: str, old: dict[str, Any], new: dict[str, Any], stack: str, *rest: Any
    ) -> Any:
        updated = update(name, old, new, stack, *rest)
        keep(updated[0], new)
        return updated

    provisioners._RESOURCE_HANDLERS[_TYPE] = {
        **handlers,
        "create": create_and_keep,
        "update": update_and_keep,
    }
