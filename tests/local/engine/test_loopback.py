import http.client
import socket

import pytest

from local.engine.loopback import addressed, loopback_registries

FIRST, SECOND = "1.dkr.ecr.eu-west-1.amazonaws.com", "2.dkr.ecr.eu-west-1.amazonaws.com"


def connection(address: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(address, timeout=10)


def test_the_name_is_put_back(echo: tuple[str, int]) -> None:
    with loopback_registries({FIRST: echo, SECOND: echo}) as addresses:
        for name in (FIRST, SECOND):
            client = connection(addresses[name])
            client.request("POST", "/v2/", body=b"x" * 1_000_000)
            answer = client.getresponse().read()
            assert answer == f"{name} close ".encode() + b"x" * 1_000_000


def test_each_registry_has_a_port_on_loopback(echo: tuple[str, int]) -> None:
    with loopback_registries({FIRST: echo, SECOND: echo}) as addresses:
        assert len(set(addresses.values())) == 2
        assert {address.startswith("127.0.0.1:") for address in addresses.values()} == {True}


def test_a_try_with_tls_is_answered_in_plain_http_at_once(echo: tuple[str, int]) -> None:
    with loopback_registries({FIRST: echo}) as addresses:
        host, _, port = addresses[FIRST].partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b"\x16\x03\x01")
            assert client.makefile("rb").readline().startswith(b"HTTP/1.0 400 ")


def test_a_request_that_never_ends_is_dropped(echo: tuple[str, int]) -> None:
    with loopback_registries({FIRST: echo}) as addresses:
        host, _, port = addresses[FIRST].partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.1\r\n")
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""


def test_a_registry_that_is_away_ends_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with loopback_registries({FIRST: ("127.0.0.1", port)}) as addresses:
        client = connection(addresses[FIRST])
        client.request("GET", "/v2/")
        with pytest.raises(http.client.RemoteDisconnected):
            client.getresponse()


def test_at_the_end_nothing_listens(echo: tuple[str, int]) -> None:
    with loopback_registries({FIRST: echo}) as addresses:
        address = addresses[FIRST]
        idle = connection(address)
        idle.connect()
    with pytest.raises(ConnectionRefusedError):
        connection(address).request("GET", "/v2/")
    assert idle.sock.recv(1) == b""


@pytest.mark.parametrize("header", ["Host: 127.0.0.1:1", "host:127.0.0.1:1", "HOST:  a"])
def test_only_host_and_connection_are_replaced(header: str) -> None:
    head = f"PUT /v2/ HTTP/1.1\r\nA: b\r\n{header}\r\nConnection: keep-alive\r\nX-Host: c\r\n\r\n"
    assert addressed(head.encode(), "name") == (
        b"PUT /v2/ HTTP/1.1\r\nHost: name\r\nConnection: close\r\nA: b\r\nX-Host: c\r\n\r\n"
    )
