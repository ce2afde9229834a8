"""What a synthesis costs: an empty app, pipelines by hand, and this one, side by side."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import leather
from rich import box
from rich.console import Console
from rich.table import Table

from local.cloud import ROOT
from local.progress import console

_FLOOR: Final = "empty"
_APPS: Final = ("existing-by-hand", "existing", "own-by-hand", "own")
# The same with and without what only one of the two has, for a comparison of like with like.
_PARTS: Final = (
    "existing-by-hand-checked",
    "existing-unmonitored",
    "own-by-hand-checked",
    "own-unmonitored",
)
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


class LimitError(RuntimeError):
    """An app is too large for CloudFormation; the message says what is."""


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
    LimitError
        If a stack has more resources than CloudFormation takes.
    RuntimeError
        If it fails otherwise; with what it said.
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
            told = errors.read()
            limit = re.search("TooManyResourcesInStack: .* maximum of [0-9]+", told)
            if limit:
                raise LimitError(limit.group())
            raise RuntimeError(f"{app} for {services} services: {told}")
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
        The syntheses by app and number of services, without those that CloudFormation would refuse.
    """
    cases = [(_FLOOR, 0), *((app, count) for count in counts for app in (*_APPS, *_PARTS))]
    found: dict[tuple[str, int], list[Synthesis]] = {}
    refused: set[tuple[str, int]] = set()
    for number in range(1, rounds + 1):
        for case in cases:
            if case in refused:
                continue
            app, count = case
            try:
                synthesis = synthesize(app, count)
            except LimitError as error:
                refused.add(case)
                console.print(f"[dim]{app}, {count} services: {error}[/]")
                continue
            found.setdefault(case, []).append(synthesis)
            console.print(
                f"[dim]round {number} of {rounds}, {app}, {count} services: "
                f"{synthesis.seconds:.1f} s[/]"
            )
    return found


def main(*, counts: Sequence[int], rounds: int, svg: Path | None) -> None:
    """Measure, and print a table in Markdown.

    Parameters
    ----------
    counts
        The numbers of services; what a further one costs is counted from the number before.
    rounds
        How often each is synthesized; medians are shown.
    svg
        Where a plot is written, if at all.
    """
    medians = {case: _median(found) for case, found in measure(counts, rounds).items()}
    # Whole also where it is written into a file, which rich takes to be 80 columns wide.
    Console(width=140).print(_table(medians))
    if svg is not None:
        chart = leather.Chart(_SECONDS)
        for app in (*_APPS, "own-unmonitored"):
            chart.add_line(
                [(count, found.seconds) for (name, count), found in medians.items() if name == app],
                name=app,
            )
        chart.add_x_axis(name="services")
        chart.to_svg(str(svg), width=900, height=500)


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


def _table(medians: Mapping[tuple[str, int], Synthesis]) -> Table:
    table = Table(
        *("app", "services", "time", "memory", "resources", "crossings"),
        *("a further service", "a further resource"),
        box=box.MARKDOWN,
    )
    before: dict[str, tuple[int, Synthesis]] = {}
    for (app, count), synthesis in sorted(medians.items(), key=lambda item: item[0][1]):
        further = ("", "")
        if app in before:
            fewer, first = before[app]
            seconds = synthesis.seconds - first.seconds
            further = (
                f"{seconds / (count - fewer) * 1000:.0f} ms",
                f"{seconds / (synthesis.resources - first.resources) * 1000:.1f} ms",
            )
        before[app] = count, synthesis
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
