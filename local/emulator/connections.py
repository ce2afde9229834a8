"""CodeConnections, under its present and its former name.

A connection comes up PENDING, as on AWS, where a person then completes it in the console. Here
``POST /_local/connections/complete?connection=ARN`` does that, or else the emulator is set to
complete each connection as it is made.
"""

import uuid
from typing import Any

from local.emulator import scope
from local.emulator.resources import (
    Attributes,
    Created,
    Declared,
    Properties,
    add_resource_type,
    tag_map,
)
from local.emulator.service import Service, ServiceError, plug_in, store

_connections = store()
_tags = store()


def register(*, complete_at_once: bool) -> None:
    """Add the services and resource types.

    Parameters
    ----------
    complete_at_once
        Whether a new connection is AVAILABLE instead of PENDING.
    """
    operations = {
        "GetConnection": _get,
        "ListConnections": _list,
        "ListTagsForResource": _list_tags,
    }
    stores = {"connections": _connections, "tags": _tags}
    plug_in(Service("codeconnections", operations, stores), "com.amazonaws.codeconnections")
    plug_in(
        Service("codestar-connections", operations),
        "CodeStar_connections",
        "com.amazonaws.codestar.connections",
    )
    status = "AVAILABLE" if complete_at_once else "PENDING"
    for type_name, service in (
        ("AWS::CodeConnections::Connection", "codeconnections"),
        ("AWS::CodeStarConnections::Connection", "codestar-connections"),
    ):
        _add_connection_type(type_name, service, status)


def complete(connection: str) -> None:
    """Do what a person does in the console: let the provider authorize a connection.

    Parameters
    ----------
    connection
        Its ARN.
    """
    _find(connection)["ConnectionStatus"] = "AVAILABLE"


def unusable(connection: str) -> str | None:
    """Say why a connection cannot be used, or None where it can."""
    if connection not in _connections:
        return f"The connection {connection} does not exist."
    if (status := _connections[connection]["ConnectionStatus"]) != "AVAILABLE":
        return (
            f"The connection {connection} is {status}, not AVAILABLE. On AWS complete it in the "
            "console; here: POST /_local/connections/complete?connection=ARN"
        )
    return None


def _add_connection_type(type_name: str, service: str, status: str) -> None:
    def create(declared: Declared) -> Created:
        properties = declared.properties
        connection = scope.arn(service, f"connection/{uuid.uuid4()}")
        _connections[connection] = {
            "ConnectionName": properties["ConnectionName"],
            "ConnectionArn": connection,
            "ProviderType": properties.get("ProviderType", "GitHub"),
            "OwnerAccountId": scope.current().account,
            "ConnectionStatus": status,
            **({"HostArn": properties["HostArn"]} if "HostArn" in properties else {}),
        }
        _tags[connection] = tag_map(properties)
        return connection, _attributes(connection)

    def update(connection: str, _: Properties, declared: Declared) -> Attributes:
        _tags[connection] = tag_map(declared.properties)
        return _attributes(connection)

    add_resource_type(
        type_name,
        create=create,
        delete=_delete,
        update=update,
        replaces=("ConnectionName", "ProviderType", "HostArn"),
        tags="Tags",
    )


def _attributes(connection: str) -> Attributes:
    record = _find(connection)
    return {
        "ConnectionArn": connection,
        "ConnectionStatus": record["ConnectionStatus"],
        "OwnerAccountId": record["OwnerAccountId"],
    }


def _delete(connection: str, _: Properties) -> None:
    _connections.pop(connection, None)
    _tags.pop(connection, None)


def _find(connection: str) -> dict[str, Any]:
    if connection not in _connections:
        raise ServiceError("ResourceNotFoundException", f"{connection} was not found")
    record: dict[str, Any] = _connections[connection]
    return record


def _get(request: dict[str, Any]) -> dict[str, Any]:
    return {"Connection": _find(request["ConnectionArn"])}


def _list(request: dict[str, Any]) -> dict[str, Any]:
    provider = request.get("ProviderTypeFilter")
    return {
        "Connections": [
            record
            for record in _connections.values()
            if provider is None or record["ProviderType"] == provider
        ]
    }


def _list_tags(request: dict[str, Any]) -> dict[str, Any]:
    _find(request["ResourceArn"])
    tags = _tags.get(request["ResourceArn"], {})
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
