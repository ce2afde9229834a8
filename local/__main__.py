"""The commands of the local cloud; the Makefile's targets call them."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from local.cloud import ROOT, Cloud, CloudError, client_environment, is_open
from local.demo import SAMPLE, demo, release
from local.deployment import deployed_cloud
from local.progress import console
from local.release import ReleaseError, Releases
from local.service_url import service_url
from local.toolkit import ToolkitError

_FOLDER: Final = ROOT / ".cache" / "cloud"
_ENGINE: Final = ROOT / ".cache" / "engine"
_STATE: Final = _FOLDER / "running.json"
_UP_SECONDS: Final = 600
_DOWN_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class _Running:
    pid: int
    endpoint: str


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments
        The command line; the process's own by default.

    Returns
    -------
    int
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demonstration = commands.add_parser("demo", help="deploy, release an application, and stop")
    demonstration.add_argument(
        "--application",
        type=Path,
        default=SAMPLE,
        help="folder with a Dockerfile; the sample application by default",
    )
    up = commands.add_parser("up", help="start a cloud with the app deployed, and keep it running")
    up.add_argument("--detach", action="store_true", help="in the background")
    commands.add_parser("down", help="stop the cloud that `up` has started")
    push = commands.add_parser("push", help="release a folder in the cloud that is up")
    push.add_argument("folder", nargs="?", type=Path, default=SAMPLE)
    push.add_argument("--pipeline", help="name of the pipeline; the first one by default")
    options = parser.parse_args(arguments)
    # The cloud is on this machine: no proxy stands in between, whatever the environment says.
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1"]))
    # SIGTERM must take the ordinary way out, which stops the emulator and the engine.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        match options.command:
            case "demo":
                demo(_FOLDER, engine_cache=_ENGINE, application=options.application.resolve())
            case "up":
                _up_in_background() if options.detach else _up()
            case "down":
                _down()
            case "push":
                release(_running().endpoint, options.folder.resolve(), options.pipeline)
    except (CloudError, ReleaseError, ToolkitError) as error:
        console.print(f"\n[red]{error.__class__.__name__}:[/] ", end="")
        console.print(str(error), markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\n[yellow]Stopped; nothing is left running.[/]")
        return 130
    return 0


def _up() -> None:
    with deployed_cloud(_FOLDER, engine_cache=_ENGINE) as cloud:
        variables = client_environment(cloud.endpoint, cloud.folder)
        exports = cloud.folder / "environment.sh"
        exports.write_text("".join(f"export {name}={v}\n" for name, v in variables.items()))
        running = _Running(pid=os.getpid(), endpoint=cloud.endpoint)
        _STATE.write_text(json.dumps(asdict(running)))
        try:
            console.print(
                f"\n[bold]The local cloud is up[/] at {cloud.endpoint}\n"
                f"  release: make local-push\n"
                f"  inspect: . {exports} && aws codepipeline list-pipelines\n"
                f"{''.join(_open(cloud))}"
                f"  stop:    make local-down (or Ctrl-C here)",
                soft_wrap=True,
            )
            signal.pause()
        finally:
            _STATE.unlink(missing_ok=True)


def _open(cloud: Cloud) -> Iterator[str]:
    if cloud.engine is None:
        return
    releases = Releases(cloud.endpoint)
    for pipeline in releases.pipelines():
        if url := service_url(cloud.endpoint, *releases.deploy_targets(pipeline)):
            yield f"  open:    {url}\n"


def _up_in_background() -> None:
    log = _FOLDER / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "local", "up"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    printed = 0
    deadline = time.monotonic() + _UP_SECONDS
    while True:
        text = log.read_text(errors="replace")
        console.print(text[printed:], end="", markup=False, soft_wrap=True)
        printed = len(text)
        if process.poll() is not None:
            raise CloudError(f"the local cloud did not come up; see {log}")
        if _STATE.exists() and "stop:" in text:
            return
        if time.monotonic() > deadline:
            process.terminate()
            raise CloudError(f"the local cloud did not come up in {_UP_SECONDS} s; see {log}")
        time.sleep(0.2)


def _down() -> None:
    os.kill(_running().pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_SECONDS
    while is_open(_FOLDER):
        if time.monotonic() > deadline:
            raise CloudError(f"the local cloud has not stopped in {_DOWN_SECONDS} s; see {_FOLDER}")
        time.sleep(0.1)
    console.print("The local cloud has stopped.")


def _running() -> _Running:
    if not (_STATE.exists() and is_open(_FOLDER)):
        raise CloudError("no local cloud is up; start one with `make local-up`")
    return _Running(**json.loads(_STATE.read_text()))


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
