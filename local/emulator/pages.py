"""Pages of long answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from local.emulator.service import ServiceError


def page(
    member: str, entries: Sequence[Any], request: Mapping[str, Any], *, most: int = 100
) -> dict[str, Any]:
    """Return the page of a list that a request asks for.

    Parameters
    ----------
    member
        Name of the list in the response.
    entries
        The whole list.
    request
        May have ``maxResults`` and the ``nextToken`` of the page before.
    most
        How long a page is where the request does not say.
    """
    token = request.get("nextToken") or "0"
    if not token.isdigit():
        raise ServiceError("InvalidNextTokenException", "The next token is not one of this list.")
    start, end = int(token), int(token) + int(request.get("maxResults") or most)
    rest = {"nextToken": str(end)} if end < len(entries) else {}
    return {member: list(entries[start:end]), **rest}
