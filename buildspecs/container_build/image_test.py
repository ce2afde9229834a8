"""The test of an image, in the image, before it is pushed."""

from __future__ import annotations

from collections.abc import Mapping

from container_build.failure import BuildFailedError
from container_build.hints import failure_of, give_hint
from container_build.image import build_command
from container_build.programs import Programs
from container_build.settings import Settings
from container_build.state import RESULTS, State

_UNDER_TEST = "image-under-test"


def test_image(
    settings: Settings, state: State, programs: Programs, secrets: Mapping[str, str]
) -> None:
    """Build the image for the machine's own platform and run its test in it.

    The container has none of the build's variables, no Docker socket and no folder of the machine
    but an empty one for results.

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

    Raises
    ------
    BuildFailedError
        If the image cannot be built, or the test fails.
    """
    platform = settings.platforms.split(",")[0]
    print(f"Building and testing the image for {platform}")
    command = build_command(
        *(settings, state, platform),
        *("--provenance=false", "--tag", _UNDER_TEST, "--load"),
    )
    status, said = programs.docker(*command, variables=secrets)
    if status:
        give_hint(said)
        raise BuildFailedError(f"The image cannot be built: {failure_of(said)}")
    results = settings.folder / RESULTS
    results.mkdir()
    # The image's user, whoever that is, writes there.
    results.chmod(0o1777)
    program, *arguments = settings.test_command
    status, said = programs.docker(
        *("run", "--rm", "--pull", "never", "--volume", f"{results}:/test-results"),
        *("--entrypoint", program, _UNDER_TEST, *arguments),
    )
    if status:
        give_hint(said)
        raise BuildFailedError("The image's test has failed: it is not pushed.")
