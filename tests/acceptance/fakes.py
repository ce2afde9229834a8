"""AWS as a run sees it, without any: calls are answered by functions, and kept."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError


def refused(code: str, message: str = "refused") -> ClientError:
    """Make the error that a call is refused with."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class FakeClient:
    """A client whose operations are looked up by name."""

    def __init__(self, aws: "FakeAws", service: str) -> None:
        self._aws, self._service = aws, service

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **request: self._aws.call(self._service, operation, request)

    def get_paginator(self, operation: str) -> Any:
        client = self

        class Pages:
            def paginate(self, **request: Any) -> list[Any]:
                return [getattr(client, operation)(**request)]

        return Pages()


class FakeAws:
    """What stands in for `acceptance.aws.Aws`.

    Parameters
    ----------
    answers
        ``service.operation`` -> what it answers: a value, an error to raise, or a function of the
        request. Any other call is answered with nothing in it.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None, *, is_aws: bool = False) -> None:
        self.answers = dict(answers or {})
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.account, self.region, self.is_aws = "111122223333", "eu-central-1", is_aws

    def __call__(self, service: str) -> FakeClient:
        return FakeClient(self, service)

    def pages(self, service: str, operation: str, member: str, **request: Any) -> list[Any]:
        return list(self.call(service, operation, request).get(member, ()))

    def call(self, service: str, operation: str, request: dict[str, Any]) -> Any:
        name = f"{service}.{operation}"
        self.calls.append((name, request))
        answer = self.answers.get(name, {})
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def called(self, *operations: str) -> list[str]:
        """The calls of these operations, in their order."""
        return [name for name, _ in self.calls if name in operations]


class Clock:
    """A clock that goes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
