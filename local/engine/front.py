"""The TLS front: ``https://REGISTRY/`` inside the sandbox, plain HTTP outside it.

It listens on a socket that the sandbox opened in its own network and handed out, and connects in
the network that it runs in itself: the registries can be reached from within, and nothing else.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

from local.engine.relay import Target, relay


async def serve_front(
    listener: socket.socket, certificate: Path, targets: Mapping[str, Target]
) -> asyncio.Server:
    """Start the front.

    Parameters
    ----------
    listener
        A bound stream socket.
    certificate
        PEM file with the private key and a certificate for all names in `targets`.
    targets
        Server name -> plain HTTP server behind it. A client that asks for another name, or for
        none, is refused in the handshake.
    """
    contexts = {name: _server_context(certificate) for name in targets}
    by_context = {contexts[name]: target for name, target in targets.items()}

    def choose(tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        if name not in contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        tls.context = contexts[name]
        return None

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        await relay(reader, writer, by_context[tls.context])

    first = _server_context(certificate)
    first.sni_callback = choose
    return await asyncio.start_server(forward, sock=listener, ssl=first)


def _server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
