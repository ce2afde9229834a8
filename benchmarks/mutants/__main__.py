"""``make mutants``: a sample of small changes, and what the tests say of each."""

import argparse
import random
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from benchmarks.mutants.changes import Change, changes
from benchmarks.mutants.trial import UnfitError, Verdict, check_fit, copy_of, judge

ROOT = Path(__file__).parents[2]
SOURCES = ("lambda", "constructs", "stacks", "buildspecs")


def main() -> int:
    """Run the sample and print what survived.

    Returns
    -------
    int
        The exit code: 1 if a function's or a policy's change survived.
    """
    options = _options()
    everything = [
        (str(file.relative_to(ROOT)), change)
        for source in options.sources
        for file in sorted((ROOT / source).rglob("*.py"))
        for change in changes(file.read_text())
        if change.policy or not options.policies
    ]
    count = min(options.count, len(everything))
    sample = random.Random(options.seed).sample(everything, count)  # noqa: S311 - a sample
    print(f"{count} of {len(everything)} changes, seed {options.seed}, in {tempfile.gettempdir()}")
    verdicts: Counter[tuple[str, Verdict]] = Counter()
    with ExitStack() as stack:
        projects: SimpleQueue[Path] = SimpleQueue()
        for _ in range(options.jobs):
            projects.put(stack.enter_context(copy_of(ROOT)))

        def one(case: tuple[str, Change]) -> None:
            path, change = case
            project = projects.get()
            try:
                verdict = judge(project, path, change, options.timeout)
            finally:
                projects.put(project)
            verdicts[_group(path, change), verdict] += 1
            if verdict is not Verdict.BEHAVIOUR:
                shown = change.shown((ROOT / path).read_text())
                print(f"{verdict}: {path}:{change.line}: {shown}", flush=True)

        project = projects.get()
        projects.put(project)
        try:
            check_fit(project, sorted({path for path, _ in sample}), options.timeout)
        except UnfitError as error:
            print(error, file=sys.stderr)
            return 2
        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(one, sample))
    _print_table(verdicts)
    return int(any(verdicts[group, Verdict.SURVIVED] for group in ("lambda", "policies")))


def _group(path: str, change: Change) -> str:
    return "policies" if change.policy else path.partition("/")[0]


def _print_table(verdicts: Counter[tuple[str, Verdict]]) -> None:
    print(f"\n| | {' | '.join(Verdict)} |\n|---{'|---:' * len(Verdict)}|")
    for group in sorted({group for group, _ in verdicts}):
        print(f"| {group} | {' | '.join(str(verdicts[group, v]) for v in Verdict)} |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("sources", nargs="*", default=SOURCES, help="folders with sources")
    parser.add_argument("--count", type=int, default=100, help="how many changes (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="another sample (default: 1)")
    parser.add_argument("--policies", action="store_true", help="parts of IAM statements alone")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (default: 2)")
    parser.add_argument(
        "--timeout", type=float, default=600, help="seconds for a run of tests (default: 600)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
