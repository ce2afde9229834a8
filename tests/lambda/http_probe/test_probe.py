import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import pytest

import http_probe.probe
from http_probe.probe import Probe, SettingError


def probe(version: Any, path: str = "/health", **options: Any) -> Probe:
    return Probe(**{"url": version.url + path, "status": 200, "timeout": 30, **options})


def test_the_expected_status_passes_at_once(version: Any, clock: Callable[[], float]) -> None:
    assert probe(version, "/health?deep=1").passes()
    assert [path for path, _ in version.asked] == ["/health?deep=1"]
    assert clock() == 0


def test_it_asks_again_until_the_new_version_is_there(
    version: Any, clock: Callable[[], float], capsys: pytest.CaptureFixture[str]
) -> None:
    version.answers = [503, 404, 200]
    assert probe(version).passes()
    assert len(version.asked) == 3
    assert "Attempt 1: " in capsys.readouterr().out


def test_in_the_end_it_gives_up(
    version: Any, clock: Callable[[], float], capsys: pytest.CaptureFixture[str]
) -> None:
    version.answers = [500]
    assert not probe(version, timeout=9).passes()
    assert len(version.asked) == 5
    assert clock() == 8
    assert "returned 500, expected 200" in capsys.readouterr().out


@pytest.mark.parametrize("status", [204, 301, 404, 503])
def test_any_status_can_be_the_expected_one(
    version: Any, clock: Callable[[], float], status: int
) -> None:
    version.answers = [status]
    assert probe(version, status=status).passes()
    assert [path for path, _ in version.asked] == ["/health"], "a redirect is not followed"


def test_the_rules_host_is_asked_for(version: Any, clock: Callable[[], float]) -> None:
    assert probe(version, host="shop.example.com").passes()
    assert version.asked == [("/health", "shop.example.com")]


def test_no_http_is_no_answer(
    version: Any, clock: Callable[[], float], capsys: pytest.CaptureFixture[str]
) -> None:
    version.answers = [0, 200]
    assert probe(version).passes()
    assert "returned no response (BadStatusLine)" in capsys.readouterr().out


def test_nobody_there_is_no_answer(
    clock: Callable[[], float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert not Probe(url="http://127.0.0.1:1/health", status=200, timeout=3).passes()
    assert "no response ([Errno 111] Connection refused)" in capsys.readouterr().out


def test_the_environment_says_what_to_ask() -> None:
    environment = {"PROBE_URL": "http://x/", "PROBE_STATUS": "204", "PROBE_TIMEOUT": "60"}
    assert Probe.of(environment) == Probe(url="http://x/", status=204, timeout=60)
    assert Probe.of({**environment, "PROBE_HOST": "a.com"}).host == "a.com"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"PROBE_URL": None}, "PROBE_URL is not set"),
        ({"PROBE_STATUS": "ok"}, "must be numbers"),
        ({"PROBE_TIMEOUT": ""}, "must be numbers"),
    ],
)
def test_an_environment_that_the_library_does_not_set(
    change: dict[str, str | None], message: str
) -> None:
    environment = {"PROBE_URL": "http://x/", "PROBE_STATUS": "204", "PROBE_TIMEOUT": "60", **change}
    with pytest.raises(SettingError, match=message):
        Probe.of({name: value for name, value in environment.items() if value is not None})


@pytest.mark.parametrize(
    ("timeout", "attempts"),
    [
        (30, [10, 10, 6]),  # two seconds between them
        (24, [10, 10]),  # none begins when the time is over
        (10.5, [10]),
        (0.5, [1]),
    ],
)
def test_no_attempt_takes_the_time_of_all(
    timeout: float, attempts: list[float], monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    """A version that never answers costs an attempt, and not the deployment's time."""
    given: list[float] = []

    class Silence:
        def open(self, _request: object, timeout: float) -> None:
            given.append(timeout)
            http_probe.probe.time.sleep(timeout)
            raise TimeoutError

    monkeypatch.setattr(http_probe.probe, "_OPENER", Silence())
    assert not Probe(url="http://x/", status=200, timeout=timeout).passes()
    assert given == attempts


def test_a_proxy_of_the_environment_is_not_asked(
    version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # As Lambda imports it, with the environment there already.
    spec = importlib.util.spec_from_file_location("fresh_probe", http_probe.probe.__file__)
    assert spec
    assert spec.loader
    fresh = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fresh_probe", fresh)
    spec.loader.exec_module(fresh)
    assert fresh.Probe(url=f"{version.url}/health", status=200, timeout=1).passes()


def test_access_logs_can_tell_the_probe_from_others(version: Any) -> None:
    assert probe(version).passes()
    assert version.agents == ["container-pipelines-http-probe"]
