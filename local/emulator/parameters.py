"""Parameters that a template gives no name: CloudFormation makes one up, without a slash.

The emulator would take a path. Of a parameter without a slash the ARN has one before its name, and
templates are written for that.
"""

import secrets
import string
from typing import Any, Final

from ministack.services.cloudformation import provisioners

_TYPE: Final = "AWS::SSM::Parameter"
_CHARACTERS: Final = string.ascii_letters + string.digits


def register() -> None:
    """Name such parameters as CloudFormation does."""
    handlers = provisioners._RESOURCE_HANDLERS[_TYPE]
    create = handlers["create"]

    def create_named(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        unique = "".join(secrets.choice(_CHARACTERS) for _ in range(12))
        name = properties.get("Name") or f"CFN-{logical_id}-{unique}"
        return create(logical_id, {**properties, "Name": name}, stack)

    provisioners._RESOURCE_HANDLERS[_TYPE] = {**handlers, "create": create_named}
