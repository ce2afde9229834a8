import socket
from pathlib import Path

import pytest

from local.engine.network import connect


def test_a_connection_in_this_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address: tuple[str, int] = server.getsockname()
        with connect(address, 1, None) as connection:
            assert connection.getpeername() == address
            assert connection.gettimeout() == 1


def test_a_missing_process_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address: tuple[str, int] = server.getsockname()
    with pytest.raises(ConnectionRefusedError):
        connect(address, 1, None)


def test_a_network_that_is_gone_is_reported() -> None:
    with pytest.raises(FileNotFoundError):
        connect(("127.0.0.1", 1), 1, Path("/proc/999999999/ns/net"))
