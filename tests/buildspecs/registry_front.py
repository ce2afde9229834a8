"""What stands before the registry: it keeps account of what is pushed, and can fail."""

import base64
import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_CHUNK = 1024 * 1024
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}

Answer = tuple[int, bytes]
Fault = Callable[[str, str], Answer | None]


class RegistryFront:
    """An HTTP server on loopback that hands every request on to the emulator.

    Attributes
    ----------
    requests
        Method and path of every request, in their order.
    passwords
        All that anybody has logged in with, as it is and as it stands in a header.
    fault
        Given method and path, returns status and body to answer with instead, or None; a status of
        0 hangs up.
    """

    def __init__(self, port: int) -> None:
        self.requests: list[tuple[str, str]] = []
        self.passwords: set[str] = set()
        self.fault: Fault = lambda _method, _path: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, port))
        self._server.daemon_threads = True
        self.address = ("127.0.0.1", int(self._server.server_port))

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextlib.contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Fail for a while."""
        self.fault = fault
        try:
            yield
        finally:
            self.fault = lambda _method, _path: None

    def uploads(self, repository: str) -> int:
        """Count the blobs that were uploaded to a repository."""
        start = ("POST", f"/v2/{repository}/blobs/uploads/")
        return sum(
            (method, path.partition("?")[0]) == start and "mount=" not in path
            for method, path in self.requests
        )

    def note(self, method: str, path: str, authorization: str) -> Answer | None:
        """Write a request down; return what to answer, if it shall fail."""
        self.requests.append((method, path))
        kind, _, encoded = authorization.partition(" ")
        if kind.lower() == "basic":
            self.passwords |= {encoded, base64.b64decode(encoded).decode().partition(":")[2]}
        return self.fault(method, path)


def _handler(front: RegistryFront, port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            answer = front.note(self.command, self.path, self.headers.get("Authorization", ""))
            if answer is None:
                self._ask_emulator()
                return
            self.close_connection = True
            status, content = answer
            if status:
                challenge = [("WWW-Authenticate", 'Basic realm="ECR"')] if status == 401 else []
                self._answer(status, challenge, content)

        do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _forward  # noqa: N815

        def _ask_emulator(self) -> None:
            emulator = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                emulator.request(self.command, self.path, self._body(), dict(self.headers))
                answer = emulator.getresponse()
                content = answer.read()
                self._answer(answer.status, answer.getheaders(), content)
            finally:
                emulator.close()

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            del self.headers["Transfer-Encoding"]
            body = bytearray()
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return bytes(body)

        def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response_only(status)
            said = {name.lower() for name, _ in headers}
            for name, value in headers:
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            if "content-length" not in said:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
