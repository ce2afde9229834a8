"""What a synthesis costs: an empty app, pipelines by hand, and this one, side by side."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich import box
from rich.table import Table

from benchmarks.plot import Line, plot
from local.cloud import ROOT
from local.progress import console

_FLOOR: Final = "empty"
_APPS: Final = ("existing-by-hand", "existing", "own-by-hand", "own")
_SECONDS: Final = "Processor's time of a synthesis (s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """What one synthesis cost.

    Attributes
    ----------
    seconds
        The processor's time of Python and Node.js together, in seconds.
    megabytes
        The most memory of Python and that of Node.js, added.
    resources
        How many resources it made, in all stacks.
    crossings
        How often Python asked Node.js for something, by member.
    """

    seconds: float
    megabytes: float
    resources: int
    crossings: Mapping[str, int]


def synthesize(app: str, services: int) -> Synthesis:
    """Synthesize an app in a fresh process, as ``cdk diff`` and ``cdk deploy`` do.

    Parameters
    ----------
    app
        One of :data:`benchmarks.synthesized.APPS`.
    services
        For how many services.

    Returns
    -------
    Synthesis
        What it cost.

    Raises
    ------
    RuntimeError
        If it fails; with what it said.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        command = [sys.executable, "-m", "benchmarks.synthesized", app, str(services)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=errors)
        # The usage of the process and of Node.js, which it has reaped.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{app} for {services} services: {errors.read()}")
        found = json.loads(output.read().splitlines()[-1])
    return Synthesis(
        seconds=usage.ru_utime + usage.ru_stime,
        # The kernel's is the larger of the two, Node.js's.
        megabytes=(usage.ru_maxrss + found["python_kilobytes"]) / 1024,
        resources=found["resources"],
        crossings=found["crossings"],
    )


def measure(counts: Sequence[int], rounds: int) -> dict[tuple[str, int], list[Synthesis]]:
    """Synthesize each app in turn, so that all see the same machine.

    Parameters
    ----------
    counts
        The numbers of services.
    rounds
        How often.

    Returns
    -------
    dict
        The syntheses by app and number of services.
    """
    cases = [(_FLOOR, 0), *((app, count) for count in counts for app in _APPS)]
    found: dict[tuple[str, int], list[Synthesis]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            found[case].append(synthesis := synthesize(*case))
            console.print(f"[dim]{case[0]}, {case[1]} services: {synthesis.seconds:.1f} s[/]")
    return found


def main(*, counts: Sequence[int], rounds: int, svg: Path | None) -> None:
    """Measure, and print a table in Markdown.

    Parameters
    ----------
    counts
        The numbers of services, of which the first is what a further service is counted from.
    rounds
        How often each is synthesized; medians are shown.
    svg
        Where a plot is written, if at all.
    """
    medians = {case: _median(found) for case, found in measure(counts, rounds).items()}
    console.print(_table(medians, counts), width=140)
    if svg is not None:
        lines = [
            Line(app, [(count, medians[app, count].seconds) for count in counts]) for app in _APPS
        ]
        svg.write_text(plot(_SECONDS, "services", lines), encoding="utf-8")


def print_crossings(count: int = 4) -> None:
    """Print what one further service makes Python ask of Node.js, by member."""
    for app in _APPS:
        one, several = synthesize(app, 1), synthesize(app, 1 + count)
        further = Counter(several.crossings)
        further.subtract(one.crossings)
        shown = Table("member", "crossings", box=box.MARKDOWN)
        for member, number in further.most_common():
            if number:
                shown.add_row(member, f"{number / count:g}")
        shown.add_row("all", f"{further.total() / count:g}")
        console.print(f"\n{app}", shown)


def _median(found: Sequence[Synthesis]) -> Synthesis:
    return Synthesis(
        seconds=statistics.median(each.seconds for each in found),
        megabytes=statistics.median(each.megabytes for each in found),
        resources=found[0].resources,
        crossings=found[0].crossings,
    )


def _table(medians: Mapping[tuple[str, int], Synthesis], counts: Sequence[int]) -> Table:
    table = Table(
        *("app", "services", "time", "memory", "resources", "crossings"),
        *("a further service", "a further resource"),
        box=box.MARKDOWN,
    )
    for app, count, synthesis in _rows(medians):
        first = medians.get((app, counts[0]))
        further = ("", "")
        if first is not None and count > counts[0]:
            seconds = synthesis.seconds - first.seconds
            further = (
                f"{seconds / (count - counts[0]) * 1000:.0f} ms",
                f"{seconds / (synthesis.resources - first.resources) * 1000:.1f} ms",
            )
        table.add_row(
            app,
            str(count),
            f"{synthesis.seconds:.2f} s",
            f"{synthesis.megabytes:.0f} MB",
            str(synthesis.resources),
            str(sum(synthesis.crossings.values())),
            *further,
        )
    return table


def _rows(
    medians: Mapping[tuple[str, int], Synthesis],
) -> Iterator[tuple[str, int, Synthesis]]:
    for (app, count), synthesis in sorted(medians.items(), key=lambda item: item[0][1]):
        yield app, count, synthesis
