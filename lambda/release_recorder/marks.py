"""Tags by which the registry knows what is live and what was before, and never expires the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from release_recorder.image import digest_of

if TYPE_CHECKING:
    from types_boto3_ecr import ECRClient

LIVE: Final = "live"
PREVIOUS: Final = "previous"

_MANIFESTS: Final = [
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
]


@dataclass(frozen=True, slots=True)
class Marks:
    """The two tags in a repository. Nothing deploys from them.

    Parameters
    ----------
    ecr
        A client that may read manifests and put tags.
    repository
        The repository's name.
    """

    ecr: ECRClient
    repository: str

    def put(self, live: str, previous: str) -> None:
        """Put the tags on two images; that of the previous one first.

        The image that was live has both tags for a moment, and at no time none.

        Parameters
        ----------
        live, previous
            The images, by digest; another reference, such as the seed's, is left alone.
        """
        for tag, image in ((PREVIOUS, previous), (LIVE, live)):
            digest = digest_of(image)
            if digest is not None:
                self._tag(digest, tag)

    def _tag(self, digest: str, tag: str) -> None:
        found = self.ecr.batch_get_image(
            repositoryName=self.repository,
            imageIds=[{"imageDigest": digest}],
            acceptedMediaTypes=_MANIFESTS,
        )["images"]
        if not found:  # of another repository, or removed by hand
            return
        try:
            self.ecr.put_image(
                repositoryName=self.repository,
                imageManifest=found[0]["imageManifest"],
                imageManifestMediaType=found[0]["imageManifestMediaType"],
                imageDigest=digest,
                imageTag=tag,
            )
        except self.ecr.exceptions.ImageAlreadyExistsException:
            return  # it has the tag
