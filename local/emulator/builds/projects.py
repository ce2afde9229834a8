"""CodeBuild projects."""

import time
from typing import Any

from local.emulator import scope
from local.emulator.resources import (
    Attributes,
    Created,
    Declared,
    Properties,
    add_resource_type,
    camel,
    tag_map,
)
from local.emulator.service import Operation, ServiceError, store

projects = store()

# What CreateProject and UpdateProject take; a project keeps nothing else of a request.
_MEMBERS = (
    "description",
    "source",
    "secondarySources",
    "sourceVersion",
    "secondarySourceVersions",
    "artifacts",
    "secondaryArtifacts",
    "cache",
    "environment",
    "serviceRole",
    "timeoutInMinutes",
    "queuedTimeoutInMinutes",
    "encryptionKey",
    "tags",
    "vpcConfig",
    "logsConfig",
    "fileSystemLocations",
    "buildBatchConfig",
    "concurrentBuildLimit",
    "autoRetryLimit",
)


def operations() -> dict[str, Operation]:
    """Return the operations on projects."""
    return {
        "CreateProject": _create,
        "UpdateProject": _update,
        "DeleteProject": _delete,
        "BatchGetProjects": _batch_get,
        "ListProjects": _list,
    }


def register_resource_type() -> None:
    """Add ``AWS::CodeBuild::Project``, with all that a template can say of it."""
    add_resource_type(
        "AWS::CodeBuild::Project",
        create=_create_declared,
        delete=_delete_declared,
        update=_update_declared,
        replaces=("Name",),
        tags="Tags",
    )


def find(name: str) -> dict[str, Any]:
    """Return a project by name or ARN."""
    name = name.rpartition(":project/")[2]
    if name not in projects:
        raise ServiceError("ResourceNotFoundException", f"Project cannot be found: {arn_of(name)}")
    project: dict[str, Any] = projects[name]
    return project


def arn_of(name: str) -> str:
    """Return the ARN of a project."""
    return scope.arn("codebuild", f"project/{name}")


def _create(request: dict[str, Any]) -> dict[str, Any]:
    name = request["name"]
    if name in projects:
        raise ServiceError(
            "ResourceAlreadyExistsException", f"Project already exists: {arn_of(name)}"
        )
    now = time.time()
    projects[name] = {
        "name": name,
        "arn": arn_of(name),
        "timeoutInMinutes": 60,
        "queuedTimeoutInMinutes": 480,
        "encryptionKey": scope.arn("kms", "alias/aws/s3"),
        "cache": {"type": "NO_CACHE"},
        "badge": {"badgeEnabled": False},
        "projectVisibility": "PRIVATE",
        "created": now,
        "lastModified": now,
        **_members(request),
    }
    return {"project": projects[name]}


def _update(request: dict[str, Any]) -> dict[str, Any]:
    project = find(request["name"])
    project.update(_members(request), lastModified=time.time())
    return {"project": project}


def _members(request: dict[str, Any]) -> dict[str, Any]:
    return {key: request[key] for key in _MEMBERS if key in request}


def _delete(request: dict[str, Any]) -> dict[str, Any]:
    projects.pop(request["name"], None)
    return {}


def _batch_get(request: dict[str, Any]) -> dict[str, Any]:
    names = {asked: asked.rpartition(":project/")[2] for asked in request["names"]}
    return {
        "projects": [projects[name] for name in names.values() if name in projects],
        "projectsNotFound": [asked for asked, name in names.items() if name not in projects],
    }


def _list(request: dict[str, Any]) -> dict[str, Any]:
    descending = request.get("sortOrder") == "DESCENDING"
    return {"projects": sorted(projects, reverse=descending)}


def _request(declared: Declared) -> dict[str, Any]:
    """Translate the properties of a template to the request that they stand for."""
    request: dict[str, Any] = camel(declared.properties)
    for source in (request.get("source"), *request.get("secondarySources", ())):
        if source and "buildSpec" in source:
            source["buildspec"] = source.pop("buildSpec")
    request["tags"] = [
        {"key": key, "value": value} for key, value in tag_map(declared.properties).items()
    ]
    for number in ("timeoutInMinutes", "queuedTimeoutInMinutes"):
        if number in request:
            request[number] = int(request[number])
    return request


def _create_declared(declared: Declared) -> Created:
    name = declared.name("Name", 255)
    try:
        _create({**_request(declared), "name": name})
    except ServiceError as error:
        raise ValueError(str(error)) from error
    return name, _attributes(name)


def _update_declared(name: str, old: Properties, declared: Declared) -> Attributes:
    project = find(name)
    for dropped in camel(old).keys() - camel(declared.properties).keys():
        project.pop(dropped, None)
    project.setdefault("timeoutInMinutes", 60)
    project.setdefault("cache", {"type": "NO_CACHE"})
    project.update(_members(_request(declared)), lastModified=time.time())
    return _attributes(name)


def _attributes(name: str) -> Attributes:
    return {"Arn": arn_of(name), "Id": name}


def _delete_declared(name: str, _: Properties) -> None:
    projects.pop(name, None)
