"""References to images, compared by what they contain."""

from __future__ import annotations

import re
from typing import Final

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


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
    found = _DIGEST.fullmatch(reference.rpartition("@")[2])
    return found.group() if found else None
