"""The two parameters that name the live image and the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from release_recorder.image import digest_of

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


@dataclass(frozen=True, slots=True)
class Pointer:
    """The image pointer of a service.

    Parameters
    ----------
    ssm
        A client that may read and write both parameters.
    name
        The parameter that names the live image.
    previous_name
        The parameter that names the one before it.
    """

    ssm: SSMClient
    name: str
    previous_name: str

    def read(self) -> str:
        """Get the image that is recorded as live."""
        return self._get(self.name)

    def read_previous(self) -> str:
        """Get the image that was live before."""
        return self._get(self.previous_name)

    def move(self, image: str) -> None:
        """Record an image as live, and the one that was as the previous.

        The previous image is written first. Whoever is stopped in between leaves the pointer on
        an image that was live, and whoever tries again ends with the same two values.

        Parameters
        ----------
        image
            The image, by digest.

        Raises
        ------
        ValueError
            If the image is not named by digest: what a tag stands for may change.
        """
        if digest_of(image) is None:
            raise ValueError(f"the pointer must name an image by digest, got '{image}'")
        live = self.read()
        if live == image:
            return
        # The seed image has no digest, and nobody can go back to it.
        if digest_of(live) is not None and self.read_previous() != live:
            self._put(self.previous_name, live)
        self._put(self.name, image)

    def _get(self, name: str) -> str:
        return self.ssm.get_parameter(Name=name)["Parameter"]["Value"]

    def _put(self, name: str, image: str) -> None:
        # Without a type: it may only change a parameter, never make one that no stack knows of.
        self.ssm.put_parameter(Name=name, Value=image, Overwrite=True)
