"""A probe asks a new version over HTTP before its users do: both engines, by the settings alone.

Requests are sent to the service all the while, and none of them may fail.
"""

import json
import shutil
from pathlib import Path

import pytest

from local import demo
from local.availability import AvailabilityMonitor
from local.cloud import Cloud
from local.release import Commit, Releases, Stage
from local.service_url import service_url
from tests.local.probes.probed import ENGINES, path_of, service_of

pytestmark = pytest.mark.e2e

_SECONDS = 300
_WHY = {"ecs": "because the hook", "code-deploy": "AfterAllowTestTraffic"}


def application(folder: Path, greeting: str, status: int = 200) -> Path:
    """The sample, with a greeting; healthy whatever status it greets with."""
    shutil.copytree(demo.SAMPLE, folder)
    (folder / "src" / "greeting.js").write_text(f"export const GREETING = '{greeting}';\n")
    source = folder / "src" / "app.js"
    code = source.read_text()
    assert "[200, { message: GREETING" in code
    source.write_text(code.replace("[200, { message: GREETING", f"[{status}, {{ message: GREETING"))
    return folder


def release(cloud: Cloud, engine: str, folder: Path) -> tuple[str, str, AvailabilityMonitor]:
    """Release an application: the status, the reasons of failures, and how the service answered."""
    releases, pipeline = Releases(cloud.endpoint), service_of(engine)
    url = service_url(cloud.endpoint, *releases.deploy_targets(pipeline))
    assert url is not None
    assert url.endswith(path_of(engine))
    repository, branch = releases.source(pipeline)
    reasons: list[str] = []

    def seen(stage: Stage) -> None:
        reasons.append(stage.reason)

    with AvailabilityMonitor(url) as monitor:
        (execution,) = releases.push(
            Commit.of(folder), repository=repository, branch=branch, message="Greet"
        )
        status = releases.follow(pipeline, execution, on_change=seen, seconds=_SECONDS)
    return status, "\n".join(reasons), monitor


def greetings(monitor: AvailabilityMonitor) -> list[str]:
    """Return the sample's greetings, in order; the seed image responds without JSON."""
    return [json.loads(text)["message"] for text in monitor.responses if text.startswith("{")]


@pytest.mark.parametrize("deployer", ENGINES)
def test_what_the_probe_finds_wrong_never_reaches_users(
    probed: Cloud, tmp_path: Path, deployer: str
) -> None:
    status, why, monitor = release(probed, deployer, application(tmp_path / "good", "good"))
    assert status == "Succeeded", why
    assert greetings(monitor) == ["good"]
    assert not monitor.failures
    recorded = Releases(probed.endpoint).recorded(service_of(deployer))

    status, why, monitor = release(probed, deployer, application(tmp_path / "bad", "bad", 500))
    assert status == "Failed"
    assert _WHY[deployer] in why
    assert greetings(monitor) == ["good"]
    assert not monitor.failures
    assert Releases(probed.endpoint).recorded(service_of(deployer)) == recorded

    status, why, monitor = release(probed, deployer, application(tmp_path / "better", "better"))
    assert status == "Succeeded", why
    assert greetings(monitor) == ["good", "better"]
    assert not monitor.failures
