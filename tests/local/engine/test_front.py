import asyncio
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from local.engine.front import serve_front

TCP, UNIX = "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "registry-1.docker.io"


class Front:
    """A front for a server on TCP and one on a unix socket, which say who they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.certificate = folder / "front.pem"
        issued = self.authority.issue_cert(TCP, UNIX)
        issued.private_key_and_cert_chain_pem.write_to_path(str(self.certificate))

    async def __aenter__(self) -> "Front":
        def server(name: bytes):  # type: ignore[no-untyped-def]
            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(name + b":" + await reader.readline())
                writer.close()

            return answer

        tcp = await asyncio.start_server(server(b"tcp"), "127.0.0.1", 0)
        unix = await asyncio.start_unix_server(server(b"unix"), self.folder / "hub")
        targets = {TCP: tcp.sockets[0].getsockname(), UNIX: self.folder / "hub"}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        front = await serve_front(self.listener, self.certificate, targets)
        self.servers = [tcp, unix, front]
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self.servers:
            server.close()

    async def ask(self, name: str | None, question: bytes = b"?\n") -> bytes:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        context.check_hostname = name is not None
        reader, writer = await asyncio.open_connection(
            *self.listener.getsockname(), ssl=context, server_hostname=name or ""
        )
        writer.write(question)
        answer = await reader.read()
        writer.close()
        return answer


def test_the_name_decides_who_answers(tmp_path: Path) -> None:
    async def main() -> list[bytes]:
        async with Front(tmp_path) as front:
            return [await front.ask(TCP), await front.ask(UNIX), await front.ask(TCP)]

    assert asyncio.run(main()) == [b"tcp:?\n", b"unix:?\n", b"tcp:?\n"]


@pytest.mark.parametrize("name", ["auth.example", "amazonaws.com"])
def test_an_unknown_name_is_refused_in_the_handshake(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        async with Front(tmp_path) as front:
            await front.ask(name)

    with pytest.raises((ssl.SSLError, ConnectionError)):
        asyncio.run(main())


def test_a_server_that_is_away_ends_the_connection(tmp_path: Path) -> None:
    async def main() -> bytes:
        async with Front(tmp_path) as front:
            (tmp_path / "hub").unlink()
            return await front.ask(UNIX)

    assert asyncio.run(main()) == b""
