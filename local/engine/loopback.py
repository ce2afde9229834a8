"""Registries for a Docker that runs already: each has a port of its own on loopback.

Docker takes plain HTTP from loopback. The registry behind tells accounts apart by the ``Host``
header, which would be lost with the name, so it is put back here.
"""

import asyncio
import contextlib
import re
import threading
from collections.abc import Iterable, Iterator

from local.engine.model import Registries
from local.engine.relay import relay

# Docker tries TLS first, and takes plain HTTP when that is what it is answered.
_TLS = b"\x16"
_NO_TLS = b"HTTP/1.0 400 Bad Request\r\n\r\n"
_NO_REQUEST = (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError)
_END_OF_HEAD = b"\r\n\r\n"
_REPLACED_HEADERS = re.compile(rb"^(?:host|connection):.*\r\n", re.IGNORECASE | re.MULTILINE)


@contextlib.contextmanager
def loopback_registries(registries: Registries) -> Iterator[dict[str, str]]:
    """Serve the registries until the end; yields host name -> ``127.0.0.1:PORT``."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loopback registries", daemon=True)
    thread.start()
    servers: dict[str, asyncio.Server] = {}
    try:
        asyncio.run_coroutine_threadsafe(_serve(registries, servers), loop).result()
        ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
        yield {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    finally:
        asyncio.run_coroutine_threadsafe(_end(servers.values()), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(registries: Registries, servers: dict[str, asyncio.Server]) -> None:
    for name, target in registries.items():

        async def forward(
            reader: asyncio.StreamReader,
            writer: asyncio.StreamWriter,
            name: str = name,
            target: tuple[str, int] = target,
        ) -> None:
            try:
                head = await reader.readexactly(1)
                if head == _TLS:
                    writer.write(_NO_TLS)
                    raise ConnectionAbortedError
                head += await reader.readuntil(_END_OF_HEAD)
            except (*_NO_REQUEST, asyncio.CancelledError):
                writer.close()
            else:
                await relay(reader, writer, target, first=addressed(head, name))

        servers[name] = await asyncio.start_server(forward, "127.0.0.1", 0)


def addressed(head: bytes, name: str) -> bytes:
    """Address the head of a request to a host, as the last request of its connection.

    With one request for each connection only its head has to be understood.
    """
    request_line, _, headers = head.partition(b"\r\n")
    kept = _REPLACED_HEADERS.sub(b"", headers)
    return request_line + f"\r\nHost: {name}\r\nConnection: close\r\n".encode() + kept


async def _end(servers: Iterable[asyncio.Server]) -> None:
    for server in servers:
        server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
