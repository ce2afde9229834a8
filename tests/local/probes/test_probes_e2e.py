"""A probe asks a new version over HTTP before its users do: both engines, by the settings alone.

Somebody asks for the service all the while, and must never get anything but a good answer.
"""

import json
import shutil
from pathlib import Path

import pytest

from local import demo
from local.cloud import Cloud
from local.entrances import entrance_of
from local.release import Commit, Releases, Stage
from local.visitor import Visitor
from tests.local.probes.probed import ENGINES, path_of, service_of

pytestmark = pytest.mark.e2e

_SECONDS = 300
_WHY = {"ecs": "because the hook", "code-deploy": "AfterAllowTestTraffic"}


def application(folder: Path, greeting: str, status: int = 200) -> Path:
    """The sample, with a greeting; healthy whatever status it greets with."""
    shutil.copytree(demo.SAMPLE, folder)
    (folder / "src" / "greeting.js").write_text(f"export const GREETING = '{greeting}';\n")
    source = folder / "src" / "app.js"
    told = source.read_text()
    assert "[200, { message: GREETING" in told
    source.write_text(told.replace("[200, { message: GREETING", f"[{status}, {{ message: GREETING"))
    return folder


def release(cloud: Cloud, engine: str, folder: Path) -> tuple[str, str, Visitor]:
    """Release an application: the status, what was said of failures, and how its users fared."""
    releases, pipeline = Releases(cloud.endpoint), service_of(engine)
    url = entrance_of(cloud.endpoint, *releases.deploy_targets(pipeline))
    assert url is not None
    assert url.endswith(path_of(engine))
    repository, branch = releases.watched(pipeline)
    reasons: list[str] = []

    def seen(stage: Stage) -> None:
        reasons.append(stage.reason)

    with Visitor(url) as visitor:
        (execution,) = releases.push(
            Commit.of(folder), repository=repository, branch=branch, message="Greet"
        )
        status = releases.follow(pipeline, execution, seen=seen, seconds=_SECONDS)
    return status, "\n".join(reasons), visitor


def greetings(visitor: Visitor) -> list[str]:
    """Return what the sample has said, in order; the seed image says no JSON."""
    return [json.loads(told)["message"] for told in visitor.answers if told.startswith("{")]


@pytest.mark.parametrize("deployer", ENGINES)
def test_what_the_probe_finds_wrong_never_reaches_users(
    probed: Cloud, tmp_path: Path, deployer: str
) -> None:
    status, why, visitor = release(probed, deployer, application(tmp_path / "good", "good"))
    assert status == "Succeeded", why
    assert greetings(visitor) == ["good"]
    assert not visitor.troubles
    recorded = Releases(probed.endpoint).recorded(service_of(deployer))

    status, why, visitor = release(probed, deployer, application(tmp_path / "bad", "bad", 500))
    assert status == "Failed"
    assert _WHY[deployer] in why
    assert greetings(visitor) == ["good"]
    assert not visitor.troubles
    assert Releases(probed.endpoint).recorded(service_of(deployer)) == recorded

    status, why, visitor = release(probed, deployer, application(tmp_path / "better", "better"))
    assert status == "Succeeded", why
    assert greetings(visitor) == ["good", "better"]
    assert not visitor.troubles
