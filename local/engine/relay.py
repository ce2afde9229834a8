"""Bytes to and fro between a client and a server."""

import asyncio
import contextlib
from pathlib import Path
from typing import TypeAlias

Target: TypeAlias = tuple[str, int] | Path
"""Where a server is: host and port, or a unix socket."""

_CHUNK = 256 * 1024


async def relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    target: Target,
    *,
    first: bytes = b"",
) -> None:
    """Connect a client to a server until either of them hangs up.

    Parameters
    ----------
    reader, writer
        The client's connection, which is closed at the end.
    target
        The server.
    first
        What the server is sent before anything that the client still sends.
    """
    # A connection is a task of its own: when that is cancelled, nobody else is to hear of it.
    quietly = contextlib.suppress(OSError, asyncio.CancelledError)
    with quietly, contextlib.closing(writer):
        upstream_reader, upstream_writer = await _connect(target)
        with contextlib.closing(upstream_writer):
            upstream_writer.write(first)
            pumps = {
                asyncio.create_task(_pump(reader, upstream_writer)),
                asyncio.create_task(_pump(upstream_reader, writer)),
            }
            try:  # both ways end together: TLS connections are not half open here
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)


async def _connect(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(target, Path):
        return await asyncio.open_unix_connection(target, limit=_CHUNK)
    host, port = target
    return await asyncio.open_connection(host, port, limit=_CHUNK)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
