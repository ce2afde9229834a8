"""Resource types for the emulator's CloudFormation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ministack.services.cloudformation import provisioners

Properties: TypeAlias = dict[str, Any]
Attributes: TypeAlias = dict[str, Any]
Created: TypeAlias = tuple[str, Attributes]


@dataclass(frozen=True, slots=True)
class Declared:
    """A resource as a stack declares it."""

    stack: str
    logical_id: str
    properties: Properties

    def name(self, prop: str, max_length: int) -> str:
        """Return the name that the template gives, or else one like CloudFormation's own."""
        given: str = self.properties.get(prop) or provisioners._physical_name(
            self.stack, self.logical_id, max_len=max_length
        )
        return given


def add_resource_type(
    type_name: str,
    *,
    create: Callable[[Declared], Created],
    delete: Callable[[str, Properties], None],
    update: Callable[[str, Properties, Declared], Attributes] | None = None,
    replaces: Iterable[str] = (),
    tags: str | None = None,
) -> None:
    """Teach CloudFormation a resource type.

    Parameters
    ----------
    type_name
        Such as ``AWS::EC2::EIP``.
    create
        Makes the resource and returns its physical id and attributes. It runs on the event loop: it
        must not call the emulator over HTTP.
    delete
        Removes the resource with this physical id and these properties.
    update
        Changes physical id and old properties to the declared ones, and returns the attributes.
        Without it the type is one whose every change replaces it.
    replaces
        Properties whose change replaces the resource.
    tags
        Property that takes tags as a list, if the type has one.
    """

    def create_handler(logical_id: str, properties: Properties, stack: str) -> Created:
        return create(Declared(stack, logical_id, properties))

    def update_handler(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str
    ) -> Created:
        declared = Declared(stack, logical_id, new)
        if update is None:
            return create(declared)
        return physical_id, update(physical_id, old, declared)

    provisioners._RESOURCE_HANDLERS[type_name] = {
        "create": create_handler,
        "update": update_handler,
        "update_with_logical_id": True,
        "delete": delete,
    }
    provisioners._REPLACING_PROPERTIES[type_name] = tuple(replaces)
    if tags:
        provisioners._STACK_TAG_PROPERTY[type_name] = (tags, "list")


def handled_types() -> frozenset[str]:
    """Return the resource types that a template may hold, beside custom resources."""
    return frozenset(provisioners._RESOURCE_HANDLERS)


def camel(value: Any) -> Any:
    """Spell a property as the API does: ``TaskDefinition`` -> ``taskDefinition``."""
    return provisioners._pascal_to_camel(value)


def tag_map(properties: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a resource by key."""
    return {tag["Key"]: str(tag.get("Value", "")) for tag in properties.get("Tags") or ()}
