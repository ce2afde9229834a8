"""Real botocore clients whose calls are answered here instead of over the network.

Parameters and answers are both checked against AWS's own service models.
"""

from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import ParamValidator


@cache
def _session() -> Any:
    return botocore.session.get_session()


class ScriptedAws:
    """Makes clients; `answers` maps `service.Operation` to an answer, an error or a function."""

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers = dict(answers or {})
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            client = _session().create_client(
                service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
            )
            # provide-client-params sees the parameters as the caller has given them.
            given: dict[str, Any] = {}
            client.meta.events.register(
                "provide-client-params", lambda params, **_: given.update(now=dict(params))
            )
            client.meta.events.register(
                "before-call", lambda model, **_: self._answer(service, model, given["now"])
            )
            self._clients[service] = client
        return self._clients[service]

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [parameters for name, parameters in self.calls if name == operation]

    def _answer(self, service: str, model: Any, parameters: dict[str, Any]) -> Any:
        name = f"{service}.{model.name}"
        self.calls.append((name, parameters))
        answer = self.answers.get(name, error("AccessDeniedException"))
        if callable(answer):
            answer = answer(parameters)
        if isinstance(answer, ClientError):
            return SimpleNamespace(status_code=400), answer.response
        if isinstance(answer, Exception):
            raise answer
        report = ParamValidator().validate(answer, model.output_shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        return SimpleNamespace(status_code=200), answer


def error(code: str, message: str = "no", **more: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}, **more}, "Operation")
