"""What all settings are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Model(BaseModel):
    """Settings that take no key and no type but their own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def pattern(pattern: str, *, minimum: int = 1, maximum: int) -> StringConstraints:
    """Constrain a text."""
    return StringConstraints(pattern=pattern, min_length=minimum, max_length=maximum)


Parameter = Annotated[str, pattern(r"^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", maximum=1011)]
"""The name of a parameter in Parameter Store."""
