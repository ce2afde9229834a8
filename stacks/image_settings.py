"""The settings below ``services.N.images``: where the images of a service are kept."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from stacks._mistakes import Mistake, mistake
from stacks._model import Model, text


class Images(Model):
    """The repository of a service's images."""

    existing_repository: (
        Annotated[
            str,
            text(
                r"(?!\d{12}\.dkr\.)[a-z0-9]+([._/-]+[a-z0-9]+)*",
                "the name of an ECR repository, without the registry's address",
                minimum=2,
                maximum=256,
            ),
        ]
        | None
    ) = None
    """One that is there already; one that the app makes by default."""
    keep: Annotated[int, Field(ge=2, le=1000)] = 30
    """How many images stay; older ones expire."""

    def mistakes(self) -> Iterator[Mistake]:
        """Find a lifecycle for a repository that has its own."""
        if self.existing_repository is not None and "keep" in self.model_fields_set:
            yield mistake(
                "keep",
                "must be left out with existing_repository, whose own lifecycle policy decides",
                reads=["existing_repository"],
            )
