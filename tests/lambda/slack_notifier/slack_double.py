"""A double of Slack on a port of this machine: gives configured answers, keeps what it accepts.

One thread and plain sockets: thousands of requests take seconds.
"""

import json
import re
import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any


class SlackDouble:
    """Takes webhooks below `/services/` and the web API below `/api/`.

    `behave` is asked for each request, with its path and JSON document, for one of `ok`,
    `429 <seconds>`, `<status> <body>`, `garbage`, `silence`, `reset`, `lost` (taken, then reset).
    """

    def __init__(self) -> None:
        self.behave: Callable[[str, Any], str] = lambda path, body: "ok"
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.taken: list[tuple[str, Any]] = []
        self._silent: list[socket.socket] = []
        self._posted = 0

    def __enter__(self) -> "SlackDouble":
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._stop, self._stopped = socket.socketpair()
        self.origin = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.close()
        self._thread.join()
        for connection in (self._server, self._stopped, *self._silent):
            connection.close()

    def posted(self) -> list[Any]:
        """Return the messages that were taken, updates left out."""
        return [body for path, body in self.taken if not path.endswith("chat.update")]

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._server, self._stopped], [], [])
            if self._stopped in ready:
                return
            connection, _ = self._server.accept()
            connection.settimeout(5)
            try:
                self._answer(connection)
            except OSError:
                connection.close()

    def _answer(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            if not (chunk := connection.recv(65536)):
                connection.close()
                return
            received += chunk
        head, _, content = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        while len(content) < int(headers.get("content-length", 0)):
            content += connection.recv(65536)
        path = first.split(" ")[1]
        body = json.loads(content)
        self.requests.append((path, headers, body))
        behaviour = self.behave(path, body)
        if behaviour == "silence":
            self._silent.append(connection)
            return
        if behaviour in ("ok", "lost"):
            self.taken.append((path, body))
        if behaviour in ("reset", "lost"):
            # Lingering for no time makes the close a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return
        connection.sendall(self._response(path, behaviour))
        connection.shutdown(socket.SHUT_WR)
        connection.close()

    def _response(self, path: str, behaviour: str) -> bytes:
        if behaviour == "garbage":
            return b"\x00\xff not HTTP at all"
        status, extra = 200, ""
        if behaviour == "ok":
            self._posted += 1
            ts = f"1700000000.{self._posted:06d}"
            answer = {"ok": True, "ts": ts, "channel": "C0123456789"}
            text = "ok" if path.startswith("/services/") else json.dumps(answer)
        elif match := re.fullmatch(r"429 (\S+)", behaviour):
            status, extra, text = 429, f"Retry-After: {match[1]}\r\n", "rate_limited"
        else:
            code, _, text = behaviour.partition(" ")
            status = int(code)
        body = text.encode()
        head = f"HTTP/1.1 {status} X\r\n{extra}Content-Length: {len(body)}\r\n"
        return f"{head}Connection: close\r\n\r\n".encode() + body
