"""The paths of all settings, as the documentation and the tests of settings name them."""

from collections.abc import Iterator
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stacks import Settings


def setting_paths(
    model: type[BaseModel] = Settings, prefix: str = ""
) -> Iterator[tuple[str, FieldInfo, bool]]:
    """Walk the models: ``services.N.build.scan.mode``, its field, and whether it holds no others.

    An item of a list is ``N``, one of an object whose keys are free ``<name>``.
    """
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        nested = list(_nested(field.annotation))
        yield path, field, not nested
        for suffix, inner in nested:
            yield from setting_paths(inner, f"{path}{suffix}.")


def _nested(annotation: object) -> Iterator[tuple[str, type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
        return
    suffix = {list: ".N", dict: ".<name>"}.get(get_origin(annotation) or object, "")
    for part in get_args(annotation):
        for inner_suffix, model in _nested(part):
            yield suffix + inner_suffix, model
