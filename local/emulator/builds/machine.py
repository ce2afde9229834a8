"""What a build gets of the machine: the container engine's variables, from a file."""

import json
from collections.abc import Mapping
from pathlib import Path


class MachineUnavailableError(Exception):
    """No build can run here now; the message says why and what to do."""


class BuildMachine:
    """The machine that builds run on.

    Parameters
    ----------
    file
        JSON object with the variables that builds get, such as ``PATH`` and ``DOCKER_HOST``, or
        with the one member ``unavailable``: the reason why there can be none. It is read anew for
        each build, so that the container engine may come and go.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def environment(self) -> Mapping[str, str]:
        """Return the variables of a build that starts now."""
        if self._file is None:
            raise MachineUnavailableError(
                "The emulator was started without --build-environment FILE, so it cannot build."
            )
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise MachineUnavailableError(
                f"{self._file} does not exist: start the container engine first."
            ) from error
        except ValueError as error:
            raise MachineUnavailableError(f"{self._file} is not JSON: {error}") from error
        if not isinstance(content, dict):
            raise MachineUnavailableError(f"{self._file} must hold a JSON object of variables.")
        if "unavailable" in content:
            raise MachineUnavailableError(str(content["unavailable"]))
        return {str(name): str(value) for name, value in content.items()}
