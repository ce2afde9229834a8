"""The builders that a build makes itself: they end with it, as they do with a machine of AWS."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


def remove_builders(machine: Mapping[str, str]) -> str:
    """Remove the builders that ``docker buildx create`` has noted, whether they run or not.

    Their containers and the volumes of these go along.

    Parameters
    ----------
    machine
        The variables of the build, with its own ``BUILDX_CONFIG``.

    Returns
    -------
    str
        Why that failed; nothing where it did not.
    """
    instances = Path(machine["BUILDX_CONFIG"], "instances")
    names = sorted(path.name for path in instances.iterdir()) if instances.is_dir() else []
    if not names:
        return ""
    done = subprocess.run(
        ["docker", "buildx", "rm", "--force", *names],
        env={**os.environ, **machine},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip() if done.returncode else ""
