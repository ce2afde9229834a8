"""Counts what Python asks of the CDK, which runs in a Node.js process of its own.

Each object made, attribute read and method called is a message there and one back: a *crossing*.
Their number is what a synthesis in Python costs beyond one in TypeScript, and unlike seconds it is
the same on every machine.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from jsii._kernel.providers import process


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the crossings within a block.

    Yields
    ------
    Counter
        How often each member was asked for, such as ``Stack.of`` or ``new Duration``; complete once
        the block has ended.
    """
    found: Counter[str] = Counter()
    send = process._NodeProcess.send

    def counting(self: Any, request: Any, response_type: Any) -> Any:
        found[_member(request)] += 1
        return send(self, request, response_type)

    with mock.patch.object(process._NodeProcess, "send", counting):
        yield found


def _member(request: Any) -> str:
    """Name what a request asks for: a class without its module, and the member."""
    kind = type(request).__name__
    if kind == "CreateRequest":
        return f"new {_short(request.fqn)}"
    if kind in ("_CompleteRequest", "CompleteRequest"):
        return "answer to a callback"
    name = getattr(request, "method", None) or getattr(request, "property", None)
    if name is None:
        return kind.removesuffix("Request").lower()
    owner = request.fqn if hasattr(request, "fqn") else request.objref.ref.rpartition("@")[0]
    return f"{_short(owner)}.{name}"


def _short(fqn: str) -> str:
    return fqn.rpartition(".")[2]
