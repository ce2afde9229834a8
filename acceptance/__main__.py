"""Command line of the acceptance run."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from acceptance import course, remains
from acceptance.aws import Aws, confirm
from acceptance.cdk import Cdk
from acceptance.cost import estimate
from acceptance.errors import AcceptanceError
from acceptance.names import Names
from acceptance.progress import Progress
from acceptance.report import Report
from acceptance.run import Run
from acceptance.signals import uninterrupted

_FOLDER: Final = Path(__file__).parents[1] / ".cache" / "acceptance"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit code, which is 0 if everything is as expected."""
    parser = argparse.ArgumentParser(prog="python -m acceptance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="play the scenarios, ask the questions, clean up")
    running.add_argument("--run", help="the run's id; a new one by default")
    running.add_argument(
        "--docker-hub",
        action="store_true",
        default=os.environ.get("ACCEPTANCE_DOCKER_HUB") == "1",
        help="let builds log in to Docker Hub, with the account's parameters",
    )
    running.add_argument("--folder", type=Path, default=_FOLDER, help="where logs and table go")
    cleaning = commands.add_parser("clean", help="delete what an earlier run has left")
    cleaning.add_argument("--run", required=True, help="the run's id")
    chosen = parser.parse_args(arguments)
    try:
        names = Names(chosen.run) if chosen.run else Names.new()
        aws = Aws()
        if chosen.command == "clean":
            return _clean(aws, names)
        return _run(aws, names, chosen.folder / names.run, docker_hub=chosen.docker_hub)
    except AcceptanceError as error:
        print(f"acceptance: {error}", file=sys.stderr)
        return 2


def _run(aws: Aws, names: Names, folder: Path, *, docker_hub: bool) -> int:
    where = "AWS" if aws.is_aws else "an emulator, which costs nothing"
    _say(f"Acceptance run {names.run} in {aws.region}, account {aws.account}: {where}\n")
    _say(f"{estimate()}\n")
    confirm(aws, os.environ.get("ACCEPTANCE_ACCOUNT"))
    if left := remains.find(aws, names):
        raise AcceptanceError(
            f"there are {len(left)} resources of a run {names.run} already, such as the "
            f"{left[0].kind} {left[0].name}: make acceptance-clean RUN={names.run}"
        )
    report = Report(names, aws.account, aws.region, aws.is_aws)
    run = Run(aws, names, Cdk(names, folder), Progress(_say), docker_hub=docker_hub)
    try:
        course.take(run, report)
    finally:
        text = report.markdown()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.md").write_text(text, encoding="utf-8")
        _say(f"\n{text}\nThis table is in {folder / 'report.md'}")
    return 0 if report.is_accepted else 1


def _clean(aws: Aws, names: Names) -> int:
    confirm(aws, os.environ.get("ACCEPTANCE_ACCOUNT"))
    progress = Progress(_say)
    with uninterrupted(_say):
        progress.begin(f"deleting what is there of run {names.run}")
        left = remains.clean(aws, names, progress)
    for one in left:
        _say(f"{one.kind} {one.name} is left: {one.why}\n  {one.command}")
    if not left:
        _say(f"nothing is left of run {names.run}")
    return 1 if left else 0


def _flushed(write: Callable[..., None]) -> Callable[[str], None]:
    return lambda text: write(text, flush=True)


_say: Final = _flushed(print)


if __name__ == "__main__":
    sys.exit(main())
