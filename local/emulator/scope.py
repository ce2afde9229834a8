"""Whose resources a piece of code works on: the account and region of the request it serves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec

from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, get_region, request_scope

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Scope:
    """An account and a region."""

    account: str
    region: str

    def run(self, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call a function in this scope."""
        with request_scope(self.account, self.region):
            function(*args, **kwargs)


def current() -> Scope:
    """Return the scope of the request that is served."""
    return Scope(get_account_id(), get_region())


def arn(service: str, resource: str) -> str:
    """Name a resource in the current scope."""
    scope = current()
    return f"arn:aws:{service}:{scope.region}:{scope.account}:{resource}"


def in_background(
    name: str, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Run a function in a thread of its own, in the current scope."""
    # A new thread starts with the default scope, so it is handed on as a value.
    spawn_background(current().run, function, *args, thread_name=name, **kwargs)
