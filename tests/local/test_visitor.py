"""Somebody who asks while a service is released."""

import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.visitor import Visitor


class Page(ThreadingHTTPServer):
    """Answers with one status after the other, and with the last one for ever; 0 is no answer."""

    def __init__(self, statuses: Sequence[int]) -> None:
        self.statuses = list(statuses)
        self.asked = 0
        self.all_given = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Page

    def do_GET(self) -> None:
        page = self.server
        status = page.statuses[min(page.asked, len(page.statuses) - 1)]
        page.asked += 1
        if status:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(f"page {page.asked}\n".encode())
        if page.asked >= len(page.statuses) + 2:
            page.all_given.set()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    page = Page(request.param)
    yield page
    page.shutdown()
    page.server_close()


@pytest.mark.parametrize("page", [[200]], indirect=True)
def test_it_asks_at_least_once_and_keeps_the_answers_in_order(page: Page) -> None:
    with Visitor(page.url) as visitor:
        pass
    assert visitor.answers == {"page 1": 1}
    with Visitor(page.url) as visitor:
        assert page.all_given.wait(20)
    assert list(visitor.answers)[:2] == ["page 2", "page 3"]
    assert visitor.told() == f"{visitor.answers.total()} requests meanwhile, all answered"


@pytest.mark.parametrize("page", [[200, 503, 0, 503, 404]], indirect=True)
def test_it_tells_what_went_wrong(page: Page) -> None:
    with Visitor(page.url) as visitor:
        assert page.all_given.wait(20)
    assert visitor.troubles == {
        "503 Service Unavailable": 2,
        "no answer (RemoteDisconnected)": 1,
    }
    # The application's own business.
    assert visitor.answers["404 Not Found"] >= 1
    assert visitor.told().endswith(
        "requests meanwhile, 3 of them failed: 2 x 503 Service Unavailable, "
        "1 x no answer (RemoteDisconnected)"
    )


def test_nobody_there_is_trouble_too() -> None:
    page = Page([200])
    page.shutdown()
    page.server_close()
    with Visitor(page.url) as visitor:
        pass
    assert visitor.troubles["no answer (URLError)"] >= 1
