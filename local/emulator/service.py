"""A service of our own in the emulator, or more operations for one that the emulator has."""

import copy
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from ministack import app
from ministack.core import router
from ministack.core.concurrency import run_reentrant
from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response

Operation: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
Response: TypeAlias = tuple[int, dict[str, str], bytes]
Handler: TypeAlias = Callable[
    [str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]
]


class ServiceError(Exception):
    """An error as an AWS API answers it.

    Parameters
    ----------
    code
        The error code of the service's API, such as ``PipelineNotFoundException``.
    message
        What went wrong, for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Service:
    """A service with AWS's JSON protocol.

    It takes the place of a module of the emulator, and so has that contract: `handle_request`, and
    its state to be saved, restored and forgotten.

    Parameters
    ----------
    name
        Name of the service in the emulator and of the file that keeps its state.
    operations
        Operation name -> function from the request to the response. Each call has a thread of its
        own: it may call the emulator.
    stores
        What the service keeps, by name. The values must be plain JSON.
    restored
        Called after the state of an earlier run was read.
    otherwise
        Who answers operations that are not in `operations`.
    """

    def __init__(
        self,
        name: str,
        operations: Mapping[str, Operation],
        stores: Mapping[str, Any] | None = None,
        *,
        restored: Callable[[], None] = lambda: None,
        otherwise: Handler | None = None,
    ) -> None:
        self.name = name
        self._operations = dict(operations)
        self._stores = dict(stores or {})
        self._restored = restored
        self._otherwise = otherwise

    async def handle_request(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, list[str]],
    ) -> Response:
        """Answer one request."""
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        operation = self._operations.get(action)
        if operation is None:
            if self._otherwise is not None:
                return await self._otherwise(method, path, headers, body, query_params)
            return _error("UnknownOperationException", f"{self.name} has no operation {action!r}")
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            return _error("SerializationException", "The request is not JSON.")
        response: Response = await run_reentrant(
            _answer, operation, request, thread_name=f"{self.name}-{action}"
        )
        return response

    def get_state(self) -> dict[str, Any]:
        """Return a copy of everything that outlives the process."""
        return copy.deepcopy(self._stores)

    def load_persisted_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` returned in an earlier process."""
        for name, store in self._stores.items():
            store.update(state.get(name, {}))
        self._restored()

    def reset(self) -> None:
        """Forget everything."""
        for store in self._stores.values():
            store.clear()


def plug_in(service: Service, *target_prefixes: str) -> None:
    """Make the emulator route to a service.

    Parameters
    ----------
    service
        The service; it replaces the emulator's own of that name.
    target_prefixes
        What the ``X-Amz-Target`` header of its requests starts with; none for a service that the
        emulator routes to already.
    """
    known = app.SERVICE_REGISTRY.setdefault(service.name, {"module": service.name})
    module = known["module"]
    app._loaded_modules[module] = service
    app._state_map[known.get("state_key", module)] = module
    app.SERVICE_HANDLERS[service.name] = service.handle_request
    if target_prefixes:
        router.SERVICE_PATTERNS[service.name] = {
            "target_prefixes": list(target_prefixes),
            "host_patterns": [],
        }


def plug_over(name: str, service: Service) -> None:
    """Let a service answer in the place of the emulator's own, whose module and state stay."""
    app.SERVICE_HANDLERS[name] = service.handle_request


def store() -> Any:
    """Return a store that keeps the entries of each account and region apart."""
    return AccountRegionScopedDict()


def _answer(operation: Operation, request: dict[str, Any]) -> Response:
    try:
        response: Response = json_response(operation(request))
    except ServiceError as error:
        return _error(error.code, str(error))
    return response


def _error(code: str, message: str) -> Response:
    response: Response = error_response_json(code, message, 400)
    return response
