"""References to images, compared by what they contain."""

from __future__ import annotations


def digest_of(reference: str) -> str | None:
    """Take the digest out of a reference.

    Parameters
    ----------
    reference
        ``repository@sha256:...``, or a reference by tag.

    Returns
    -------
    str or None
        ``sha256:...``, or None for a reference by tag.
    """
    _, at, digest = reference.rpartition("@")
    return digest if at else None


def is_image(wanted: str, reference: str, resolved: str | None) -> bool:
    """Return whether a reference stands for an image that is known by its digest.

    The digest of the reference itself decides. ECS pulls exactly that, and for an index the
    manifest that it names for the platform; ``imageDigest``, of which AWS only says that it is "the
    container image manifest digest", may then be either of the two and is not looked at. It decides
    for a reference by tag alone, where another digest means another image as far as can be known:
    an index that was deployed by tag may go unrecognised.

    Parameters
    ----------
    wanted
        The image, by digest.
    reference
        What the task definition names.
    resolved
        The ``imageDigest`` that ECS reports next to it, if any.

    Returns
    -------
    bool
        Whether it is the same image, wherever it was pulled from.

    Notes
    -----
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Container.html
    """
    return (digest_of(reference) or resolved) == digest_of(wanted)
