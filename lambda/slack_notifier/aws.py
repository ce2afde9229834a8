"""Clients of AWS services, made when first needed.

botocore without boto3: importing boto3 and its resources costs a cold start a noticeable part of a
second, and only the low-level clients are used.
"""

from functools import lru_cache
from typing import Any, Protocol


class Clients(Protocol):
    """Makes a client of a service, such as ``codebuild``."""

    def __call__(self, service: str, /) -> Any:
        """Return the client."""
        ...


@lru_cache(maxsize=1)
def _session() -> Any:
    import botocore.session  # only when an event needs AWS

    return botocore.session.get_session()


@lru_cache(maxsize=16)
def client(service: str) -> Any:
    """Return the function's own client of a service.

    Its time-outs are short: a look-up that takes longer is left out of the message.
    """
    from botocore.config import Config

    config = Config(
        connect_timeout=2,
        read_timeout=4,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return _session().create_client(service, config=config)
