"""What stands outside AWS: ``/_local/`` on the emulator's port.

``GET /_local/health``
    200 when the emulator is ready.
``POST /_local/push``
    A push to a repository: ``repository``, ``branch``, ``commit`` (40 hexadecimal digits),
    ``message`` and ``author`` in the query, a zip of all files as body. The answer is
    ``{"executions": [id, ...]}``: what it has started.
``POST /_local/scan-findings``
    What image scans find: ``repository`` and maybe ``digest`` in the query, as body
    ``{"findings": [...], "status": "COMPLETE", "description": "", "enhanced": false}``.
``POST /_local/broken-image``
    Tasks that run the ``image`` stop with an error as they start; with ``broken=false`` no more.
``POST /_local/connections/complete``
    Makes the ``connection`` (an ARN) AVAILABLE.

``account`` and ``region`` in the query say whose; without them it is the emulator's default.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from ministack.core.responses import get_account_id, get_region, request_scope

from local.emulator import connections
from local.emulator.archives import ArchiveError
from local.emulator.events import emit
from local.emulator.pipelines import triggers
from local.emulator.pipelines.service import CodePipeline
from local.emulator.registry import scans
from local.emulator.repositories import Commit, Repositories
from local.emulator.scope import arn
from local.emulator.service import ServiceError
from local.emulator.tasks import broken_images

_PREFIX = "/_local/"
_COMMIT = re.compile(r"[0-9a-f]{40}")

Query: TypeAlias = Mapping[str, str]
Answer: TypeAlias = dict[str, Any]


class BadRequestError(Exception):
    """The request is wrong; the message says how."""


class LocalApi:
    """ASGI application in front of the emulator's.

    Parameters
    ----------
    behind
        The emulator's.
    codepipeline
        Whose pipelines pushes start.
    repositories
        Where pushes go.
    """

    def __init__(self, behind: Any, codepipeline: CodePipeline, repositories: Repositories) -> None:
        self._behind = behind
        self._codepipeline = codepipeline
        self._repositories = repositories
        self._routes: dict[tuple[str, str], Callable[[Query, bytes], Answer]] = {
            ("GET", "health"): lambda _query, _body: {"status": "ready"},
            ("POST", "push"): self._push,
            ("POST", "scan-findings"): self._set_findings,
            ("POST", "broken-image"): self._break_image,
            ("POST", "connections/complete"): self._complete_connection,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            await self._behind(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = dict(parse_qsl(scope["query_string"].decode()))
        # In a thread: a push starts pipelines, and they call the emulator.
        status, answer = await asyncio.to_thread(
            self._answer, scope["method"], scope["path"].removeprefix(_PREFIX), query, bytes(body)
        )
        content = json.dumps(answer).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, method: str, path: str, query: Query, body: bytes) -> tuple[int, Answer]:
        route = self._routes.get((method, path))
        if route is None:
            known = ", ".join(f"{verb} {_PREFIX}{name}" for verb, name in self._routes)
            return 404, {"message": f"No {method} {_PREFIX}{path}. There are: {known}"}
        account, region = query.get("account", get_account_id()), query.get("region", get_region())
        try:
            with request_scope(account, region):
                return 200, route(query, body)
        except (BadRequestError, ServiceError, ArchiveError) as error:
            return 400, {"message": str(error)}

    def _push(self, query: Query, body: bytes) -> Answer:
        commit_id = _needed(query, "commit")
        if not _COMMIT.fullmatch(commit_id):
            raise BadRequestError("commit must be 40 hexadecimal digits")
        commit = self._repositories.push(
            _needed(query, "repository"),
            _needed(query, "branch"),
            commit_id,
            query.get("message", ""),
            query.get("author", "local"),
            body,
        )
        started = triggers.push(self._codepipeline, commit)
        _emit_repository_change(commit)
        return {"executions": started}

    def _set_findings(self, query: Query, body: bytes) -> Answer:
        try:
            wanted = json.loads(body)
            scans.prepare(
                _needed(query, "repository"),
                query.get("digest"),
                wanted["findings"],
                status=wanted.get("status", "COMPLETE"),
                description=wanted.get("description", ""),
                enhanced=wanted.get("enhanced", False),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise BadRequestError(
                'The body must be {"findings": [{"name": ..., "severity": ...}, ...]}'
            ) from error
        return {}

    @staticmethod
    def _break_image(query: Query, _: bytes) -> Answer:
        image = _needed(query, "image")
        match query.get("broken", "true"):
            case "true":
                broken_images[image] = True
            case "false":
                broken_images.pop(image, None)
            case other:
                raise BadRequestError(f"broken must be true or false, not {other!r}")
        return {}

    @staticmethod
    def _complete_connection(query: Query, _: bytes) -> Answer:
        connections.complete(_needed(query, "connection"))
        return {}


def _needed(query: Query, name: str) -> str:
    if not query.get(name):
        raise BadRequestError(f"{name} is missing in the query")
    return query[name]


def _emit_repository_change(commit: Commit) -> None:
    """Tell of a push as CodeCommit does; others tell only through a connection."""
    if "/" in commit.repository:
        return
    emit(
        "aws.codecommit",
        "CodeCommit Repository State Change",
        {
            "event": "referenceUpdated",
            "repositoryName": commit.repository,
            "referenceType": "branch",
            "referenceName": commit.branch,
            "referenceFullName": f"refs/heads/{commit.branch}",
            "commitId": commit.commit_id,
        },
        [arn("codecommit", commit.repository)],
    )
