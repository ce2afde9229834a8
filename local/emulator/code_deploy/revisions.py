"""Revisions of an application: the AppSpec of an ECS deployment, or where it is.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_RevisionLocation.html
"""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.clients import Clients
from local.emulator.code_deploy.catalogue import applications, find_application
from local.emulator.service import ServiceError


def check(revision: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Refuse a location that no AppSpec of ECS can be at.

    Raises
    ------
    ServiceError
        With CodeDeploy's code.
    """
    if not revision:
        raise ServiceError("RevisionRequiredException", "Revision is missing")
    match revision.get("revisionType"):
        case "AppSpecContent":
            given = revision.get("appSpecContent") or {}
            content, digest = given.get("content"), given.get("sha256")
            if not content:
                raise ServiceError("InvalidRevisionException", "The AppSpec has no content")
            if digest and digest != hashlib.sha256(content.encode()).hexdigest():
                raise ServiceError(
                    "InvalidRevisionException", "The SHA256 is not that of the AppSpec's content"
                )
        case "S3":
            kind = (revision.get("s3Location") or {}).get("bundleType")
            if kind not in ("YAML", "JSON"):
                raise ServiceError(
                    "InvalidRevisionException",
                    f"For ECS deployment, BundleType must be either YAML or JSON, not {kind}",
                )
        case other:
            raise ServiceError(
                "InvalidRevisionException",
                f"For ECS deployment, the revision type must be S3 or AppSpecContent, not {other}",
            )
    return revision


def content_of(revision: Mapping[str, Any], clients: Clients) -> str:
    """Return the AppSpec of a revision.

    Raises
    ------
    ServiceError
        It is not where the revision says.
    """
    if revision["revisionType"] == "AppSpecContent":
        return str(revision["appSpecContent"]["content"])
    place = revision["s3Location"]
    try:
        found = clients("s3").get_object(Bucket=place["bucket"], Key=place["key"])
    except ClientError as error:
        raise ServiceError("RevisionDoesNotExistException", str(error)) from error
    return str(found["Body"].read().decode(errors="replace"))


def register(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer RegisterApplicationRevision."""
    _note(request, check(request.get("revision")), request.get("description"))
    return {}


def note_use(request: Mapping[str, Any], group: str) -> None:
    """Note that a revision is deployed to a group; it is registered by that."""
    entry = _note(request, request["revision"], None)
    info = entry["info"]
    info.setdefault("firstUsedTime", time.time())
    info["lastUsedTime"] = time.time()
    if group not in info["deploymentGroups"]:
        info["deploymentGroups"].append(group)


def describe(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer GetApplicationRevision."""
    application = find_application(request.get("applicationName"))
    revision = check(request.get("revision"))
    for entry in application["_revisions"]:
        if _same(entry["revision"], revision):
            return {
                "applicationName": application["applicationName"],
                "revision": entry["revision"],
                "revisionInfo": entry["info"],
            }
    raise ServiceError("RevisionDoesNotExistException", "The revision is not registered")


def _note(
    request: Mapping[str, Any], revision: Mapping[str, Any], description: str | None
) -> dict[str, Any]:
    application = find_application(request.get("applicationName"))
    entries: list[dict[str, Any]] = application["_revisions"]
    entry = next((each for each in entries if _same(each["revision"], revision)), None)
    if entry is None:
        info = {"deploymentGroups": [], "registerTime": time.time()}
        entry = {"revision": dict(revision), "info": info}
        entries.append(entry)
    if description:
        entry["info"]["description"] = description
    applications[application["applicationName"]] = application
    return entry


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    def key(revision: Mapping[str, Any]) -> str:
        content = (revision.get("appSpecContent") or {}).get("content")
        return json.dumps([content, revision.get("s3Location")], sort_keys=True)

    return key(one) == key(other)
