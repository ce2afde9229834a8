"""A local cloud with the app deployed to it."""

import concurrent.futures
import contextlib
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.cloud import ACCOUNT, REGION, Cloud, claim, client_environment, open_cloud
from local.progress import console, note, step
from local.slack import local_settings, put_secret
from local.toolkit import Toolkit


@contextlib.contextmanager
def deployed_cloud(folder: Path, *, engine_cache: Path) -> Iterator[Cloud]:
    """Start a local cloud and deploy the app to it with the real CDK CLI.

    Parameters
    ----------
    folder
        The folder for the cloud's state and logs, and for the synthesized app.
    engine_cache
        The folder for the private engine's programs and build cache.

    Raises
    ------
    CloudError
        If another cloud uses the folder, or the emulator does not start.
    """
    with claim(folder), concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        # The engine's first start takes as long as the synthesis: both at once.
        synthesis = pool.submit(_synthesize, folder)
        console.print("\n[bold]The local cloud[/]")
        with open_cloud(folder, engine_cache=engine_cache, progress=note) as cloud:
            if cloud.engine is not None:
                note(cloud.engine.note)
            console.print("\n[bold]cdk deploy --all[/]")
            with step("Synthesizing; cdk-nag checks every template"):
                assembly = synthesis.result()
            toolkit = Toolkit(
                environment=cloud.environment, assembly=assembly, log=cloud.folder / "cdk.log"
            )
            put_secret(cloud.endpoint, local_settings())
            put_certificate(cloud.endpoint, local_settings())
            with step("Bootstrapping"):
                toolkit.bootstrap()
            with step("Deploying every stack"):
                toolkit.deploy()
            yield cloud


def put_certificate(endpoint: str, settings: Mapping[str, Any]) -> None:
    """Put the certificate that the settings name, as it is there on AWS.

    Parameters
    ----------
    endpoint
        The address of the local cloud.
    settings
        The app's settings.
    """
    arn = settings.get("platform", {}).get("certificate_arn")
    if not arn:
        return
    place = settings.get("environment") or {"account": ACCOUNT, "region": REGION}
    query = urllib.parse.urlencode({**place, "arn": arn, "domain": "localhost"})
    address = f"{endpoint}/_local/certificate?{query}"
    urllib.request.urlopen(urllib.request.Request(address, method="POST")).close()  # noqa: S310


def _synthesize(folder: Path) -> Path:
    assembly = folder / "cdk.out"
    Toolkit(
        # Synthesis asks no cloud anything.
        environment=client_environment("http://127.0.0.1:9", folder),
        assembly=assembly,
        log=folder / "synth.log",
    ).synth("--context", f"delivery={json.dumps(local_settings())}")
    return assembly
