"""Command line of the emulator."""

import argparse
from pathlib import Path

from local.emulator.server import PortUnavailableError, serve
from local.emulator.settings import Settings


def main() -> None:
    """Serve the emulator until a signal or the end of input."""
    parser = argparse.ArgumentParser(prog="python -m local.emulator", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument(
        "--build-environment",
        type=Path,
        help='JSON file with the variables of builds, or {"unavailable": "reason"}',
    )
    parser.add_argument(
        "--node-modules", type=Path, help="packages for functions in Node.js (sets NODE_PATH)"
    )
    parser.add_argument(
        "--complete-connections",
        action="store_true",
        help="make each new connection AVAILABLE at once",
    )
    parser.add_argument(
        "--end-with-input",
        action="store_true",
        help="end when standard input closes, as it does when who started this is gone",
    )
    try:
        serve(Settings(**vars(parser.parse_args())))
    except PortUnavailableError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
