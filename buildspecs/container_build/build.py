"""``build``: the image, its test, its scan, and only then what deploys it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from container_build.aws import Aws
from container_build.image import secret_variables
from container_build.image_test import test_image
from container_build.layer_cache import mark_as_cache
from container_build.programs import Programs
from container_build.push import push_image
from container_build.settings import Settings
from container_build.state import (
    DEFINITIONS,
    DEPLOY_OUTPUT,
    OUTPUT,
    read_state,
    write_state,
)
from container_build.steps import Steps


def build(settings: Settings, programs: Programs, aws: Aws, environ: Mapping[str, str]) -> None:
    """Build, test, push and scan the image, or scan one that is there; then write what deploys it.

    Parameters
    ----------
    settings
        The build's settings.
    programs
        Runs Docker.
    aws
        Asks AWS.
    environ
        The build's variables.

    Raises
    ------
    BuildFailedError
        If any of it fails. Then there is nothing to deploy from.
    """
    threading.Thread(target=_load_ahead).start()
    state, steps = read_state(settings.folder), Steps()
    secrets = secret_variables(settings, environ)
    if state.existing_image:
        state = replace(state, digest=state.existing_image.rpartition("@")[2])
    else:
        if settings.test_command:
            with steps.step("test"):
                test_image(settings, state, programs, secrets)
        with steps.step("image"):
            state = push_image(settings, state, programs, aws, secrets)
    write_state(settings.folder, state, settings.repository.uri)
    image = f"{settings.repository.uri}@{state.digest}"
    output = settings.folder / OUTPUT
    output.mkdir()
    to_deploy: dict[str, str] = {}
    with ThreadPoolExecutor() as pool:
        gate = None
        if state.is_recorded:
            print("The image is live, or was before: it has passed the scan gate")
        else:
            from container_build.scan.gate import Gate

            gate = Gate(
                *(settings.scan_gate, settings.repository, state.digest, aws),
                is_one_image=state.is_one_image,
            )
            waiting = pool.submit(gate.wait)
        try:
            # What can be done while the scan runs.
            if state.is_cache_in_image and not state.existing_image:
                with steps.step("cache"):
                    mark_as_cache(settings, state, aws)
            if settings.sbom_generator and not state.existing_image:
                from container_build.sbom import write_sbom

                with steps.step("bill of materials"):
                    write_sbom(settings, state, programs, secrets, output / "sbom")
            if settings.deploy_files_parameter:
                from container_build.deploy_files import deploy_files

                with steps.step("deploy files"):
                    to_deploy = deploy_files(aws, settings.deploy_files_parameter, image)
        except BaseException:
            if gate is not None:
                gate.stop()
            raise
        if gate is not None:
            with steps.step("scan"):
                waiting.result()
            gate.decide(output / "scan-findings.json")
    if settings.container_name:
        _write(settings, image, to_deploy)
    steps.print()
    print(f"Ready to deploy {image}" if settings.container_name else f"Verified {image}")


def _load_ahead() -> None:
    """Load what is needed after the push while Docker works."""
    import container_build.direct
    import container_build.scan.gate  # noqa: F401


def _write(settings: Settings, image: str, to_deploy: Mapping[str, str]) -> None:
    definitions = [{"name": settings.container_name, "imageUri": image}]
    (settings.folder / OUTPUT / DEFINITIONS).write_text(json.dumps(definitions), encoding="utf-8")
    if to_deploy:
        folder = settings.folder / DEPLOY_OUTPUT
        folder.mkdir()
        for name, content in to_deploy.items():
            (folder / name).write_text(content, encoding="utf-8")
