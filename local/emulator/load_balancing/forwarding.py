"""From a listener rule's action to a target: by weight, by health, over HTTP.

The emulator finds the rule; it knows no weights, sends requests to unhealthy targets too, and
cannot reach containers that have a network of their own. As
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
has it, a request goes to a healthy target, or to any if none is. Which status tells of which
trouble stands in
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html.
A target's answer is handed on when it is complete, so streams and WebSockets do not get through.
"""

import asyncio
import http.client
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

from ministack.services import alb

from local.emulator.ecs.targets import Target, TargetGroups
from local.engine.network import connect

_Headers: TypeAlias = dict[str, Any]
_Answer: TypeAlias = tuple[int, _Headers, bytes]

_CONNECT_SECONDS: Final = 10
_HOP_BY_HOP: Final = {"connection", "content-length", "keep-alive", "transfer-encoding"}


def register(target_groups: TargetGroups) -> None:
    """Send requests where weights and health say.

    Parameters
    ----------
    target_groups
        Whose targets get them.
    """
    run: Callable[..., Any] = alb._execute_actions

    async def executed(actions: Iterable[dict[str, Any]], *rest: Any, **more: Any) -> Any:
        return await run([_settled(action) for action in actions], *rest, **more)

    async def forwarded(
        group: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, list[str]],
        raw_query: str | None = None,
        raw_path: str | None = None,
    ) -> Any:
        if alb._tgs.get(group, {}).get("TargetType") == "lambda":
            return await to_function(group, method, path, headers, body, query, raw_query, raw_path)
        if raw_query is None:
            raw_query = urlencode(query, doseq=True)
        wanted = (raw_path or path) + (f"?{raw_query}" if raw_query else "")
        kept = {name: value for name, value in headers.items() if name not in _HOP_BY_HOP}

        def ask() -> _Answer:
            with target_groups.chosen(group) as target:
                if target is None:
                    return _trouble(503)
                return _asked(target, method, wanted, kept, body)

        return await asyncio.to_thread(ask)

    to_function: Callable[..., Any] = alb._forward_to_tg
    alb._execute_actions = executed
    alb._forward_to_tg = forwarded


def _settled(action: dict[str, Any]) -> dict[str, Any]:
    """Choose one of the groups of a forward action."""
    groups = action.get("ForwardConfig", {}).get("TargetGroups") or ()
    weights = [group["Weight"] for group in groups]
    if not any(weights):
        return action
    (chosen,) = random.choices(groups, weights)  # noqa: S311 - balances, and protects nothing
    return {**action, "TargetGroupArn": chosen["TargetGroupArn"]}


def _asked(target: Target, method: str, path: str, headers: _Headers, body: bytes) -> _Answer:
    client = http.client.HTTPConnection(f"{target.address}:{target.port}")
    try:
        client.sock = connect((target.address, target.port), _CONNECT_SECONDS, target.namespace)
        client.sock.settimeout(alb.TARGET_IDLE_TIMEOUT)
        client.request(method.upper(), path, body=body or None, headers=headers)
        answer = client.getresponse()
        content = answer.read()
    except TimeoutError:
        return _trouble(504)
    except (OSError, http.client.HTTPException):
        return _trouble(502)
    finally:
        client.close()
    returned: _Headers = {}
    for name, value in answer.getheaders():
        if name.lower() not in _HOP_BY_HOP:
            returned.setdefault(name.lower(), []).append(value)
    length = answer.getheader("content-length") if method.upper() == "HEAD" else len(content)
    return answer.status, {**returned, "content-length": str(length or 0)}, content


def _trouble(status: int) -> _Answer:
    words = f"{status} {http.client.responses[status]}\n"
    return status, {"content-type": "text/plain"}, words.encode()
