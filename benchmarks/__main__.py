"""Measure builds, with two buildspecs, and syntheses, with and without the library."""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks import synthesis
from benchmarks.builds import APPLICATIONS, Builds, Contestants, Measured
from local.cloud import ROOT, claim, open_cloud
from local.progress import console

_CASES: Final = ("cold", "warm", "one line changed")
_USUAL: Final = ("usual", "inline")


def measure(
    builds_of: Callable[[int], Mapping[str, Builds]], rounds: int
) -> dict[str, dict[str, list[Measured]]]:
    """Run each case with each buildspec in turn, so that all see the same machine.

    Parameters
    ----------
    builds_of
        Given the round, the builds by name, which no round before has known.
    rounds
        How many builds of each.

    Returns
    -------
    dict
        The measurements by case and name.
    """
    found: dict[str, dict[str, list[Measured]]] = {case: {} for case in _CASES}
    for number in range(rounds):
        builds = builds_of(number)
        for case in _CASES:
            for name, build in builds.items():
                if case == "one line changed":
                    build.change_one_line()
                measured = build.run()
                found[case].setdefault(name, []).append(measured)
                console.print(
                    f"[dim]{case}, {name}: {measured.seconds:.1f} s, "
                    f"{measured.pushed / 1e6:.1f} MB pushed[/]"
                )
    return found


def table(title: str, found: Mapping[str, Mapping[str, Sequence[Measured]]]) -> Table:
    """Lay the fastest of each out, with the ratio to the better of the two usual ones.

    Parameters
    ----------
    title
        The table's title.
    found
        What `measure` gave.

    Returns
    -------
    rich.table.Table
        The table. What else a machine does makes builds slower and never faster, so that the
        fastest says most.
    """
    names = [*found[_CASES[0]]]
    shown = Table("build", *names, title=title)
    for case, by_name in found.items():
        seconds = {
            name: min(each.seconds for each in measured) for name, measured in by_name.items()
        }
        pushed = {
            name: statistics.median(each.pushed for each in measured) / 1e6
            for name, measured in by_name.items()
        }
        better = min(seconds[name] for name in _USUAL)
        shown.add_row(
            case,
            *(
                f"{seconds[name]:.1f} s, {pushed[name]:.2f} MB"
                + ("" if name in _USUAL else f", x {seconds[name] / better:.2f}")
                for name in names
            ),
        )
    return shown


def steps_table(title: str, found: Mapping[str, Mapping[str, Sequence[Measured]]]) -> Table:
    """Lay out where the fastest ones' time goes: the phases of each, and the steps of this one.

    Parameters
    ----------
    title
        The table's title.
    found
        What `measure` gave.

    Returns
    -------
    rich.table.Table
        The table, in seconds.
    """
    shown = Table("build", "contestant", "phases", "steps", title=title)
    for case, by_name in found.items():
        for name, measured in by_name.items():
            shown.add_row(
                case,
                name,
                _times(min(measured, key=_seconds).phases),
                _times(min(measured, key=_seconds).steps),
            )
    return shown


def _seconds(measured: Measured) -> float:
    return measured.seconds


def _times(by_name: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in by_name.items())


def measure_builds(applications: Sequence[str], rounds: int) -> int:
    """Run the builds; the exit code tells whether there was an engine to run them with."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        with (
            claim(folder),
            open_cloud(
                folder, engine_cache=ROOT / ".cache" / "engine", progress=console.print
            ) as cloud,
        ):
            if cloud.engine is None:
                console.print(
                    f"[red]Not measured, for want of a container engine.[/]\n{cloud.unavailable}"
                )
                return 1
            console.print(f"[dim]{cloud.engine.note}[/]")
            contestants = Contestants(cloud)
            for application in applications:
                console.print(f"\n[bold]{application}[/]")
                found = measure(partial(contestants.of, application), rounds)
                console.print(table(f"{application}, the fastest of {rounds}", found))
                console.print(steps_table(f"{application}, seconds of these by step", found))
    return 0


def main() -> int:
    """Run the benchmarks that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("builds", "synthesis"), help="one alone")
    parser.add_argument(
        "--services",
        type=int,
        nargs="+",
        default=[1, 10, 40, 100, 200],
        help="for how many to synthesize",
    )
    parser.add_argument(
        "--application",
        choices=APPLICATIONS,
        action="append",
        help="which to build; all by default",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="how many builds and syntheses of each"
    )
    parser.add_argument(
        "--plot", type=Path, help="where a plot of the syntheses is written, as SVG"
    )
    parser.add_argument(
        "--crossings",
        action="store_true",
        help="print instead what a further service makes Python ask of Node.js",
    )
    asked = parser.parse_args()
    if asked.crossings:
        synthesis.print_crossings()
        return 0
    if asked.what != "builds":
        synthesis.main(counts=asked.services, rounds=asked.rounds, svg=asked.plot)
    if asked.what == "synthesis":
        return 0
    return measure_builds(asked.application or [*APPLICATIONS], asked.rounds)


if __name__ == "__main__":
    sys.exit(main())
