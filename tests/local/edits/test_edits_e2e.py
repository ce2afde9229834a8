"""A live service goes through the edits that docs/settings.md calls safe, one after the other.

Its users ask it all the while, and no request fails.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.availability import AvailabilityMonitor
from local.clients import clients
from local.cloud import ROOT, Cloud, program_path
from local.demo import SAMPLE
from local.deployment import put_certificate
from local.release import Commit, Releases
from local.service_url import service_url, trust
from local.slack import put_secret
from tests.local.edits.edited import (
    CERTIFICATES,
    CODE_DEPLOY,
    EDITS,
    ROLLING,
    SECRET_PARAMETER,
    SETTINGS,
    SLACK_PARAMETER,
    edited,
    path_of,
    synthesize,
)
from tests.local.shops.deployment import deploy

pytestmark = pytest.mark.e2e

SERVICES = (ROLLING, CODE_DEPLOY)
_SECONDS = 300


@pytest.fixture(scope="module")
def cdk_deploy(
    engine: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Mapping[str, Any]], Path]:
    folder = tmp_path_factory.mktemp("edited")

    def cdk_deploy(settings: Mapping[str, Any]) -> Path:
        assembly = folder / str(len(list(folder.iterdir()))) / "cdk.out"
        assembly.parent.mkdir()
        deploy(engine, synthesize(assembly, settings))
        return assembly

    return cdk_deploy


def release(cloud: Cloud, service: str) -> None:
    releases = Releases(cloud.endpoint)
    repository, branch = releases.source(service)
    (execution,) = releases.push(
        Commit.of(SAMPLE), repository=repository, branch=branch, message="Greet"
    )
    status = releases.follow(service, execution, on_change=print, seconds=_SECONDS)
    assert status == "Succeeded"


def entrances(cloud: Cloud) -> dict[str, str]:
    """Where the users of each service ask it."""
    found = {}
    for service in SERVICES:
        url = service_url(cloud.endpoint, *Releases(cloud.endpoint).deploy_targets(service))
        assert url is not None
        assert url.endswith(path_of(service))
        found[service] = url
    return found


@contextlib.contextmanager
def asked(cloud: Cloud, *urls: str) -> Iterator[None]:
    """Ask at these all the while."""
    with contextlib.ExitStack() as stack:
        monitors = {
            url: stack.enter_context(AvailabilityMonitor(url, trust(cloud.endpoint)))
            for url in dict.fromkeys(urls)
        }
        yield
    for url, monitor in monitors.items():
        assert not monitor.failures, f"{url}: {monitor.summary()}"
        # Neither of another service, nor a load balancer's "nothing here".
        assert {"message" in json.loads(text) for text in monitor.responses} == {True}, url


def live(cloud: Cloud) -> dict[str, str]:
    releases = Releases(cloud.endpoint)
    return {
        service: releases.running(*releases.deploy_targets(service)).image for service in SERVICES
    }


def left_over(cloud: Cloud, assembly: Path) -> list[str]:
    """Ask what is deployed and no longer in the settings, as docs/removal.md says."""
    page = (ROOT / "docs" / "removal.md").read_text()
    command = page.partition("$ comm ")[2].partition("```")[0]
    command = command.replace("npx cdk list", f"cdk list --no-notices --app {assembly}")
    done = subprocess.run(
        ["bash", "-c", f"comm {command.replace('delivery-', 'edited-')}"],
        env={**os.environ, **cloud.environment, "PATH": program_path()},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_no_edit_costs_a_request(
    engine: Cloud, cdk_deploy: Callable[[Mapping[str, Any]], Path]
) -> None:
    client = clients(engine.endpoint)
    client("ssm").put_parameter(Name=SECRET_PARAMETER, Value="token", Type="SecureString")
    slack = {"parameter": SLACK_PARAMETER, "channel": "C0123456789"}
    put_secret(engine.endpoint, {"monitoring": {"slack": slack}})
    for arn in CERTIFICATES:
        put_certificate(engine.endpoint, {"platform": {"certificate_arn": arn}})

    settings: Mapping[str, Any] = SETTINGS
    cdk_deploy(settings)
    for service in SERVICES:
        release(engine, service)
    images, first = live(engine), entrances(engine)
    for name, edit in EDITS.items():
        print(name)
        settings = edited(settings, edit)
        with asked(engine, *first.values(), *entrances(engine).values()):
            assembly = cdk_deploy(settings)
        assert live(engine) == images
    assert {url.partition(":")[0] for url in entrances(engine).values()} == {"https"}
    assert left_over(engine, assembly) == [
        f"edited-{CODE_DEPLOY}-{part}" for part in ("pipeline", "registry", "service")
    ]
    # Services use the platform, which stays under them.
    with pytest.raises(ClientError, match=r"imported by stack edited-edited-[a-z-]+-service"):
        client("cloudformation").delete_stack(StackName="edited-platform")
