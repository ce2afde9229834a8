"""The requests that are sent while a service is released."""

import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.availability import AvailabilityMonitor


class Page(ThreadingHTTPServer):
    """Answers with one status after the other, and with the last one for ever; 0 is no answer."""

    def __init__(self, statuses: Sequence[int]) -> None:
        self.statuses = list(statuses)
        self.requests = 0
        self.all_sent = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Page

    def do_GET(self) -> None:
        page = self.server
        status = page.statuses[min(page.requests, len(page.statuses) - 1)]
        page.requests += 1
        if status:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(f"page {page.requests}\n".encode())
        if page.requests >= len(page.statuses) + 2:
            page.all_sent.set()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    page = Page(request.param)
    yield page
    page.shutdown()
    page.server_close()


@pytest.mark.parametrize("page", [[200]], indirect=True)
def test_it_sends_at_least_one_request_and_keeps_the_responses_in_order(page: Page) -> None:
    with AvailabilityMonitor(page.url) as monitor:
        pass
    assert monitor.responses == {"page 1": 1}
    with AvailabilityMonitor(page.url) as monitor:
        assert page.all_sent.wait(20)
    assert list(monitor.responses)[:2] == ["page 2", "page 3"]
    assert monitor.summary() == f"{monitor.responses.total()} during the release, none failed"


@pytest.mark.parametrize("page", [[200, 503, 0, 503, 404]], indirect=True)
def test_it_counts_what_failed(page: Page) -> None:
    with AvailabilityMonitor(page.url) as monitor:
        assert page.all_sent.wait(20)
    assert monitor.failures == {
        "503 Service Unavailable": 2,
        "no response (RemoteDisconnected)": 1,
    }
    # The application's own business.
    assert monitor.responses["404 Not Found"] >= 1
    assert monitor.summary().endswith(
        " during the release, 3 failed: 2 x 503 Service Unavailable, "
        "1 x no response (RemoteDisconnected)"
    )


def test_a_refused_connection_is_a_failure_too() -> None:
    page = Page([200])
    page.shutdown()
    page.server_close()
    with AvailabilityMonitor(page.url) as monitor:
        pass
    assert monitor.failures["no response (URLError)"] >= 1
