"""The software bill of materials."""

from __future__ import annotations

import secrets as random_texts
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from container_build.failure import BuildFailedError
from container_build.image import build_command
from container_build.programs import Programs
from container_build.settings import Settings
from container_build.state import State

_NAME = "sbom.spdx.json"


def write_sbom(
    settings: Settings,
    state: State,
    programs: Programs,
    secrets: Mapping[str, str],
    target: Path,
) -> None:
    """Have the generator look at the image, and keep what it says.

    Parameters
    ----------
    settings
        The build's settings.
    state
        How far the build is.
    programs
        Runs Docker.
    secrets
        The variables with the image's secrets.
    target
        The folder to write to: one document, or for several platforms one in a folder of each.

    Raises
    ------
    BuildFailedError
        If there is none.

    Notes
    -----
    https://docs.docker.com/build/metadata/attestations/sbom/
    """
    print("Writing the software bill of materials")
    # Docker gives the documents among the image's own files. By a name that the image cannot
    # foresee it cannot have put one there itself.
    prefix = random_texts.token_hex(16)
    command = build_command(
        *(settings, state, settings.platforms),
        *("--sbom", f"generator={settings.sbom_generator}"),
        *("--output", f"type=tar,dest=-,attestation-prefix={prefix}-"),
    )
    process = programs.docker_stream(*command, variables=secrets)
    assert process.stdout  # noqa: S101 - it is a pipe
    found = 0
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                content = archive.extractfile(member) if member.isfile() else None
                if content is None or path.name != f"{prefix}-{_NAME}" or ".." in path.parts:
                    continue
                folder = target.joinpath(*path.parent.parts[-1:])
                folder.mkdir(parents=True, exist_ok=True)
                (folder / _NAME).write_bytes(content.read())
                found += 1
    except tarfile.TarError:
        # Docker has ended in the middle: its own words say why.
        found = 0
    process.stdout.close()
    if process.wait() or not found:
        raise BuildFailedError(
            f"There is no software bill of materials by {settings.sbom_generator}: see above."
        )
