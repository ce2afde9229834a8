"""The AWS emulator of the local cloud: ministack, and the delivery services that it lacks.

``python -m local.emulator --port N --state DIR`` serves it on loopback. Beside AWS's APIs it
answers below ``/_local/`` what stands outside AWS: a push to a repository, the findings of a scan,
the handshake of a connection.
"""

import functools
import tempfile
from pathlib import Path


@functools.cache
def handled_types() -> frozenset[str]:
    """Return the resource types that the emulator's CloudFormation knows.

    Custom resources are not among them: they are what their function makes of them.
    """
    # Only here, for it loads and changes ministack, which wants its environment variables first.
    from local.emulator import cloud, resources
    from local.emulator.settings import Settings

    with tempfile.TemporaryDirectory() as state:
        cloud.application(Settings(port=0, state=Path(state)))
    return resources.handled_types()
