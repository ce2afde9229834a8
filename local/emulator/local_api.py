"""What stands outside AWS: ``/_local/`` on the emulator's port.

``GET /_local/health``
    200 when the emulator is ready.
``POST /_local/push``
    A push to a repository: ``repository``, ``branch``, ``commit`` (40 hexadecimal digits),
    ``message`` and ``author`` in the query, a zip of all files as body. The answer is
    ``{"executions": [id, ...]}``: what it has started. With a ``tag`` the commit is tagged too,
    or only that without a ``branch``; a commit that was pushed before needs no body then.
``POST /_local/pull-request``
    Something happens to a pull request in the ``repository``: the ``event`` (``OPEN``, ``UPDATED``
    or ``CLOSED``), from the branch ``source`` to the branch ``destination``, both pushed before.
    The answer is that of a push.
``POST /_local/clock``
    Moves the time by which pipelines wait ``forward`` by so many seconds; the answer holds what it
    is ``now``, in seconds since the epoch. ``GET`` tells it alone.
``POST /_local/scan-findings``
    What image scans find: ``repository`` and maybe ``digest`` in the query, as body
    ``{"findings": [...], "status": "COMPLETE", "description": "", "enhanced": false}``.
``POST /_local/broken-image``
    Tasks that run the ``image`` stop with an error as they start; with ``broken=false`` no more.
``GET /_local/listeners``
    Where the ``listeners`` of load balancers are: DNS name and port -> address and port; and the
    ``authority`` whose certificates those for HTTPS have, as PEM.
``POST /_local/certificate``
    Makes the certificate ``arn`` for a ``domain`` known to ACM, as one that is there on AWS.
``GET /_local/slack``
    The messages that functions have posted to Slack, for which `local.emulator.slack` stands in.
``POST /_local/slack``
    Slack refuses its next requests: so many ``times``, with a ``status`` such as 429 or 503; only
    those ``about`` some words, if any are given.
``POST /_local/connections/complete``
    Makes the ``connection`` (an ARN) AVAILABLE.

``GET /_local/permissions``
    The calls of roles that were judged, those that were denied first: ``principal``, ``action``,
    ``resource``, why it was ``denied`` (empty where it was allowed), and how many ``times``.
``POST /_local/permissions``
    Decides over a call that nobody makes: as body ``{"principal": ..., "action": ...,
    "resource": ..., "context": {...}}``. The answer is ``{"allowed": ..., "reason": ...}``.

``account`` and ``region`` in the query say whose; without them it is the emulator's default.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from ministack.core.responses import get_account_id, get_region, request_scope

from local.emulator import connections, pushes
from local.emulator.archives import ArchiveError
from local.emulator.ecs import broken_images
from local.emulator.load_balancing.certificates import Certificates
from local.emulator.load_balancing.listeners import Listeners
from local.emulator.permissions import permissions
from local.emulator.pipelines import triggers
from local.emulator.pipelines.clock import clock
from local.emulator.pipelines.declared_triggers import EVENTS
from local.emulator.pipelines.service import CodePipeline
from local.emulator.pipelines.triggers import GitEvent
from local.emulator.registry import scans
from local.emulator.repositories import NO_BRANCH, Repositories
from local.emulator.service import ServiceError
from local.emulator.slack import Reply, Slack

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
    listeners
        Of the load balancers.
    certificates
        Of these listeners.
    """

    def __init__(
        self,
        behind: Any,
        codepipeline: CodePipeline,
        repositories: Repositories,
        listeners: Listeners,
        certificates: Certificates,
    ) -> None:
        self._behind = behind
        self._codepipeline = codepipeline
        self._repositories = repositories
        self._certificates = certificates
        self._slack = Slack()
        self._routes: dict[tuple[str, str], Callable[[Query, bytes], Answer]] = {
            ("GET", "health"): lambda _query, _body: {"status": "ready"},
            ("POST", "push"): self._push,
            ("POST", "pull-request"): self._pull_request,
            ("GET", "clock"): lambda _query, _body: {"now": clock.now()},
            ("POST", "clock"): self._move_clock,
            ("POST", "scan-findings"): self._set_findings,
            ("POST", "broken-image"): self._break_image,
            ("GET", "listeners"): lambda _query, _body: {
                "listeners": listeners.places(),
                "authority": certificates.authority,
            },
            ("POST", "certificate"): self._add_certificate,
            ("GET", "slack"): lambda _query, _body: {"messages": self._slack.messages()},
            ("POST", "slack"): self._refuse,
            ("GET", "permissions"): lambda _query, _body: {"calls": permissions.calls()},
            ("POST", "permissions"): self._decide,
            ("POST", "connections/complete"): self._complete_connection,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or hand it on."""
        path = scope.get("path", "")
        for_slack = Slack.is_asked(path)
        if scope["type"] != "http" or not (for_slack or path.startswith(_PREFIX)):
            await self._behind(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if for_slack:
            authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            await _send_reply(self._slack.answer(path, bytes(body), authorization), send)
            return
        query = dict(parse_qsl(scope["query_string"].decode()))
        # In a thread: a push starts pipelines, and they call the emulator.
        status, answer = await asyncio.to_thread(
            self._answer, scope["method"], path.removeprefix(_PREFIX), query, bytes(body)
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

    def _add_certificate(self, query: Query, _: bytes) -> Answer:
        self._certificates.add(_needed(query, "arn"), _needed(query, "domain"))
        return {}

    def _refuse(self, query: Query, _: bytes) -> Answer:
        times, status = _needed(query, "times"), _needed(query, "status")
        if not (times.isdecimal() and status.isdecimal() and 400 <= int(status) < 600):
            raise BadRequestError("times must be a number, and status one from 400 to 599")
        self._slack.refuse(int(times), int(status), query.get("about", ""))
        return {}

    def _push(self, query: Query, body: bytes) -> Answer:
        commit_id = _needed(query, "commit")
        if not _COMMIT.fullmatch(commit_id):
            raise BadRequestError("commit must be 40 hexadecimal digits")
        repository, tag = _needed(query, "repository"), query.get("tag")
        branch = query.get("branch", NO_BRANCH) if tag else _needed(query, "branch")
        commit = None
        if tag and not branch and not body:
            commit = self._repositories.find(repository, commit_id)
            if commit is None:
                raise BadRequestError(
                    f"{repository} has no commit {commit_id} to tag; push it, with a zip as body"
                )
        pushed = commit is None
        commit = commit or self._repositories.push(
            repository,
            branch,
            commit_id,
            query.get("message", ""),
            query.get("author", "local"),
            body,
        )
        started: list[str] = []
        if pushed and branch:
            started += pushes.pushed(self._codepipeline, self._repositories, commit)
        if tag:
            event = GitEvent(kind="push", commit=commit, tag=tag)
            started += triggers.happened(self._codepipeline, event)
        return {"executions": started}

    def _pull_request(self, query: Query, _: bytes) -> Answer:
        repository, event = _needed(query, "repository"), _needed(query, "event")
        if event not in EVENTS:
            raise BadRequestError(f"event must be one of {', '.join(EVENTS)}, not {event!r}")
        commits = {}
        for name in ("source", "destination"):
            branch = _needed(query, name)
            newest = self._repositories.newest(repository, branch)
            if newest is None:
                raise BadRequestError(
                    f"Nothing was pushed to the {name} branch {branch!r} of {repository}; push it "
                    f"first: POST {_PREFIX}push"
                )
            commits[name] = newest
        happened = GitEvent(
            kind="pullRequest",
            commit=commits["source"],
            branch=query["destination"],
            changed=self._repositories.differing(commits["destination"], commits["source"]),
            event=event,
        )
        return {"executions": triggers.happened(self._codepipeline, happened)}

    @staticmethod
    def _move_clock(query: Query, _: bytes) -> Answer:
        try:
            clock.forward(float(_needed(query, "forward")))
        except ValueError as error:
            raise BadRequestError(str(error)) from error
        return {"now": clock.now()}

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
    def _decide(_: Query, body: bytes) -> Answer:
        try:
            asked = json.loads(body)
            call = asked["principal"], asked["action"], asked["resource"]
        except (ValueError, KeyError, TypeError) as error:
            raise BadRequestError(
                'The body must be {"principal": ..., "action": ..., "resource": ..., "context": '
                "{...}}; the context may be left out"
            ) from error
        decision = permissions.decide(*call, asked.get("context") or {})
        return {"allowed": decision.allowed, "reason": decision.reason}

    @staticmethod
    def _complete_connection(query: Query, _: bytes) -> Answer:
        connections.complete(_needed(query, "connection"))
        return {}


def _needed(query: Query, name: str) -> str:
    if not query.get(name):
        raise BadRequestError(f"{name} is missing in the query")
    return query[name]


async def _send_reply(reply: Reply, send: Any) -> None:
    headers = [(b"content-length", str(len(reply.content)).encode())]
    if reply.retry_after is not None:
        headers.append((b"retry-after", str(reply.retry_after).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.content})
