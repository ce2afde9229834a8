"""The sockets of listeners: what a template calls a load balancer answers on this machine.

A load balancer of a template has a loopback address of its own as its DNS name. Its listeners
listen there at their own ports. Where the machine does not let them, as with ports below 1024 for
all but root, they listen at a free port, which ``GET /_local/listeners`` tells, and redirects to
the one lead to the other. What HTTPS listeners present is issued by the authority that it tells
too.
"""

import asyncio
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.core.responses import request_scope
from ministack.services import alb
from ministack.services.cloudformation import provisioners

from local.emulator import scope
from local.emulator.load_balancing.certificates import Certificates

_log = logging.getLogger(__name__)

_BALANCER: Final = "AWS::ElasticLoadBalancingV2::LoadBalancer"
_LISTENER: Final = "AWS::ElasticLoadBalancingV2::Listener"
_LOOPBACK: Final = "127."
_PROTOCOLS: Final = ("HTTP", "HTTPS")
_TARGET: Final = re.compile(r"^(https?://)([^/]+)(.*)$", re.DOTALL)
_MOST_BALANCERS: Final = 254


class _Key(NamedTuple):
    scope: scope.Scope
    arn: str


class _Wanted(NamedTuple):
    """A listener by its template: its place, and its certificate in ACM if it speaks HTTPS."""

    place: str
    certificate: str | None


class _Open(NamedTuple):
    """A listener that listens: what it is by the template, where it is, and how it is closed."""

    wanted: _Wanted
    address: str
    tls: ssl.SSLContext | None
    close: Callable[[], object]


class _Config(Config):
    """Settings of a server whose certificate can be exchanged while it serves."""

    tls: ssl.SSLContext | None = None

    @property
    def ssl_enabled(self) -> bool:
        """Whether it speaks HTTPS."""
        return self.tls is not None

    def create_ssl_context(self) -> ssl.SSLContext | None:
        """Hand out the context that has the certificate."""
        return self.tls


class Listeners:
    """All listeners of an emulator.

    Parameters
    ----------
    port
        The emulator's own, by which its load balancers have other addresses than another one's.
    certificates
        What issues those of HTTPS listeners.
    """

    def __init__(self, port: int, certificates: Certificates) -> None:
        self._certificates = certificates
        self._network = f"{_LOOPBACK}{port // 256}.{port % 256}."
        # Of their own: nobody's requests wait for an API's, or the other way round.
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._open: dict[_Key, _Open] = {}

    def register(self) -> None:
        """Open and close sockets as listeners come and go."""
        threading.Thread(target=self._loop.run_forever, daemon=True, name="listeners").start()
        balancers = provisioners._RESOURCE_HANDLERS[_BALANCER]
        balancers["create"] = self._addressed(balancers["create"])
        balancers["delete"] = self._then_followed(balancers["delete"])
        listeners = provisioners._RESOURCE_HANDLERS[_LISTENER]
        for name in ("create", "update", "delete"):
            listeners[name] = self._then_followed(listeners[name])
        for name in ("CreateListener", "ModifyListener", "DeleteListener", "DeleteLoadBalancer"):
            alb._ACTION_MAP[name] = self._then_followed(alb._ACTION_MAP[name])
        restore: Callable[[Any], None] = alb.load_persisted_state

        def restored(data: Any) -> None:
            restore(data)
            for account, region, _ in list(alb._listeners._data):
                with request_scope(account, region):
                    self._follow()

        alb.load_persisted_state = restored

    def places(self) -> dict[str, str]:
        """Tell where listeners are: ``DNS-NAME:PORT`` of the template -> ``ADDRESS:PORT`` here."""
        with self._lock:
            return {found.wanted.place: found.address for found in self._open.values()}

    def _addressed(self, create: Callable[..., Any]) -> Callable[..., Any]:
        def created(*given: Any, **more: Any) -> Any:
            arn, attributes = create(*given, **more)
            taken = {balancer["DNSName"] for balancer in alb._lbs._data.values()}
            free = (f"{self._network}{number}" for number in range(1, _MOST_BALANCERS + 1))
            address = next((each for each in free if each not in taken), None)
            if address is not None:
                alb._lbs[arn]["DNSName"] = address
                attributes = {**attributes, "DNSName": address}
            return arn, attributes

        return created

    def _then_followed(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*given: Any, **more: Any) -> Any:
            answer = change(*given, **more)
            self._follow()
            return answer

        return changed

    def _follow(self) -> None:
        """Let the listeners of this account and region listen, and no others of it."""
        here = scope.current()
        wanted = {
            _Key(here, arn): _Wanted(
                f"{alb._lbs[listener['LoadBalancerArn']]['DNSName']}:{int(listener['Port'])}",
                next(iter(listener.get("Certificates") or ()), None),
            )
            for arn, listener in list(alb._listeners.items())
            if listener["LoadBalancerArn"] in alb._lbs and listener.get("Protocol") in _PROTOCOLS
        }
        with self._lock:
            for key, found in list(self._open.items()):
                if key.scope != here or wanted.get(key) == found.wanted:
                    continue
                new = wanted.get(key)
                if new and new.place == found.wanted.place and new.certificate and found.tls:
                    self._present(found.tls, new)
                    self._open[key] = found._replace(wanted=new)
                else:
                    found.close()
                    del self._open[key]
            for key, new in wanted.items():
                if key not in self._open and new.place.startswith(_LOOPBACK):
                    self._open[key] = self._listen(key, new)

    def _present(self, tls: ssl.SSLContext, wanted: _Wanted) -> None:
        assert wanted.certificate is not None  # noqa: S101 - for the type checker
        self._certificates.present(tls, wanted.certificate, wanted.place.rpartition(":")[0])

    def _listen(self, key: _Key, wanted: _Wanted) -> _Open:
        balancer = alb._lbs[alb._listeners[key.arn]["LoadBalancerArn"]]
        name, _, port = wanted.place.rpartition(":")
        config = _Config()
        if wanted.certificate is not None:
            config.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            config.tls.set_alpn_protocols(config.alpn_protocols)
            self._present(config.tls, wanted)
        listening = _bound(name, int(port))
        address, actual = listening.getsockname()
        ended = asyncio.Event()
        config.bind = [f"fd://{listening.detach()}"]
        config.graceful_timeout = 1
        config.loglevel = "WARNING"
        app: Any = _Application(key.scope, balancer, int(port), self.places)
        asyncio.run_coroutine_threadsafe(
            serve(app, config, shutdown_trigger=ended.wait), self._loop
        )
        close = partial(self._loop.call_soon_threadsafe, ended.set)
        return _Open(wanted, f"{address}:{actual}", config.tls, close)


def _bound(name: str, port: int) -> socket.socket:
    """Listen where the template says, or at a free port there, or where the machine can."""
    for address in ((name, port), (name, 0)):
        try:
            return socket.create_server(address)
        except OSError as error:
            _log.info("%s:%s cannot be listened on: %s", *address, error.strerror)
    return socket.create_server(("127.0.0.1", 0))


class _Application:
    """What a listener answers, as an ASGI application."""

    def __init__(
        self,
        whose: scope.Scope,
        balancer: dict[str, Any],
        port: int,
        places: Callable[[], dict[str, str]],
    ) -> None:
        self._scope, self._balancer, self._port = whose, balancer, port
        self._places = places

    async def __call__(self, asked: Any, receive: Any, send: Any) -> None:
        if asked["type"] != "http":
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        given = {name.decode().lower(): text.decode("latin-1") for name, text in asked["headers"]}
        query = asked["query_string"].decode("latin-1")
        with request_scope(self._scope.account, self._scope.region):
            status, headers, content = await alb.dispatch_request(
                self._balancer,
                asked["method"],
                asked["path"],
                given,
                bytes(body),
                parse_qs(query, keep_blank_values=True),
                port=self._port,
                client_ip=asked["client"][0],
                raw_query_string=query,
                raw_path=asked["raw_path"].decode("latin-1"),
            )
        if location := headers.get("Location"):
            headers = {**headers, "Location": self._here(location)}
        sent = [
            (name.encode("latin-1"), each.encode("latin-1"))
            for name, value in headers.items()
            for each in (value if isinstance(value, list) else [value])
        ]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": content})

    def _here(self, location: str) -> str:
        """Lead to where a listener is on this machine, for one that could not have its port."""
        found = _TARGET.match(location)
        address = self._places().get(found[2]) if found else None
        return f"{found[1]}{address}{found[3]}" if found and address else location
