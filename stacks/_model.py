"""What all settings are made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


class Model(BaseModel):
    """Settings that take no key and no type but their own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def pattern(pattern: str, *, minimum: int = 1, maximum: int) -> StringConstraints:
    """Constrain a text."""
    return StringConstraints(pattern=pattern, min_length=minimum, max_length=maximum)


Parameter = Annotated[str, pattern(r"^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", maximum=1011)]
"""The name of a parameter in Parameter Store."""

EcsName = Annotated[str, pattern(r"^[A-Za-z0-9_-]+$", maximum=255)]
"""The name of a cluster, a service or a container."""


def _slash(path: str) -> str:
    if not path.startswith("/"):
        message = f"must start with '/', for example '/{path}'"
        raise ValueError(message)
    return path


UrlPath = Annotated[str, AfterValidator(_slash)]
"""A path of a URL, from its first slash."""
