"""Connections to containers, which may be in a network of their own."""

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_OWN = Path("/proc/thread-self/ns/net")


def connect(address: tuple[str, int], timeout: float, namespace: Path | None) -> socket.socket:
    """Open a TCP connection to a container.

    Parameters
    ----------
    address
        Where the container answers.
    timeout
        Seconds to wait for the connection, and then for each answer.
    namespace
        The network namespace in which containers have their addresses; None for that of this
        process.

    Raises
    ------
    OSError
        Nobody answers there, or in time.
    """
    # A socket belongs to the network in which it was made, wherever it is used.
    with _in_network(namespace) if namespace else contextlib.nullcontext():
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _in_network(namespace: Path) -> Iterator[None]:
    """Let this thread, and no other, be in another network for a moment."""
    own = os.open(_OWN, os.O_RDONLY)
    try:
        other = os.open(namespace, os.O_RDONLY)
        try:
            _enter(other)
        finally:
            os.close(other)
        try:
            yield
        finally:
            _enter(own)
    finally:
        os.close(own)


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
