"""The ``docker`` command that a build finds when it uses a Docker that runs already.

It is run as a file, by itself, and replaces itself by the real command. Registry names in the
arguments become the loopback addresses that this Docker can reach.
"""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def rewritten(arguments: Sequence[str], addresses: Mapping[str, str]) -> list[str]:
    """Rewrite the arguments of ``docker``.

    Parameters
    ----------
    arguments
        What follows ``docker`` on the command line.
    addresses
        Registry name -> address. A name counts where it stands alone: not as the end of a longer
        one, nor with a port.
    """
    replaced = list(arguments)
    for name, address in addresses.items():
        alone = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.:-])")
        replaced = [alone.sub(address, argument) for argument in replaced]
    return _reaching_loopback(replaced)


def _reaching_loopback(arguments: list[str]) -> list[str]:
    """Let a builder in a container share the network in which the registries are."""
    if arguments[:2] != ["buildx", "create"] or _driver(arguments) != "docker-container":
        return arguments
    if any("network=" in argument for argument in arguments):
        return arguments
    return [*arguments[:2], "--driver-opt", "network=host", *arguments[2:]]


def _driver(arguments: Sequence[str]) -> str:
    for option, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if option == "--driver":
            return value
        if option.startswith("--driver="):
            return option.removeprefix("--driver=")
    return "docker-container"


def main() -> None:
    """Run the real command, named with the addresses in the JSON file of the first argument."""
    settings = json.loads(Path(sys.argv[1]).read_text())
    docker: str = settings["docker"]
    os.execv(docker, [docker, *rewritten(sys.argv[2:], settings["addresses"])])  # noqa: S606


if __name__ == "__main__":
    main()
