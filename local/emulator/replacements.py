"""Which changes replace a resource: those of properties that AWS's schemas call create-only.

The schemas are those that cfn-lint carries. A resource is made anew before the old one goes, as
CloudFormation does; where its name is fixed, and so is taken, that is refused. Of properties within
others, and of types that have no schema, the emulator's own tables decide.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from ministack.services.cloudformation import provisioners, stacks

from local.emulator import taken

# Schemas differ little between regions, and this one has all types.
_REGION: Final = "us-east-1"


def register() -> None:
    """Put the schemas over the emulator's tables, for updates and for change sets."""
    tabled: Callable[[str, str], str] = provisioners._property_recreation
    replace: Callable[..., Any] = provisioners._replace_resource

    def recreation(resource_type: str, name: str) -> str:
        schema, known = _schema(resource_type), tabled(resource_type, name)
        # The tables have also what AWS's pages say beside the schemas.
        if schema is None or known == "Always":
            return known
        if name in _top_level(schema, "createOnlyProperties"):
            return "Always"
        if name in _top_level(schema, "conditionalCreateOnlyProperties"):
            return "Conditionally"
        return "Never"

    def refuse(resource_type: str, physical_id: str, old: Any, new: Any, *rest: Any) -> Any:
        if why := taken.why_not(resource_type, new):
            raise ValueError(why)
        return replace(resource_type, physical_id, old, new, *rest)

    for module in (provisioners, stacks):
        module._property_recreation = recreation
    provisioners._replace_resource = refuse


@functools.cache
def _schema(resource_type: str) -> Mapping[str, Any] | None:
    # Takes half a second to import, which most runs of the emulator never need.
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

    try:
        found = PROVIDER_SCHEMA_MANAGER.get_resource_schema(_REGION, resource_type)
    except ResourceNotFoundError:
        return None
    schema: Mapping[str, Any] = found.schema
    return schema


def _top_level(schema: Mapping[str, Any], kind: str) -> set[str]:
    paths = (path.removeprefix("/properties/") for path in schema.get(kind, ()))
    return {path for path in paths if "/" not in path}
