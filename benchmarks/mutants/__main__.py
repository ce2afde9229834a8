"""``make mutants``: a sample of small changes, and what the tests say of each."""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from benchmarks.mutants.changes import Change, changes
from benchmarks.mutants.record import Record
from benchmarks.mutants.trial import Trials, UnfitError, Verdict, copy_of

ROOT = Path(__file__).parents[2]
SOURCES = ("lambda", "constructs", "stacks", "buildspecs")

Case = tuple[str, Change]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the sample and print what survived.

    Parameters
    ----------
    arguments
        Those of the command line.
    root
        The project.

    Returns
    -------
    int
        The exit code: 1 if a function's or a policy's change survived, 2 if the tests fail without
        any change, 130 if the run was interrupted.
    """
    options = _options(arguments)
    everything = [
        (str(file.relative_to(root)), change)
        for source in options.sources
        for file in sorted((root / source).rglob("*.py"))
        for change in changes(file.read_text())
        if change.policy or not options.policies
    ]
    count = min(options.count, len(everything))
    sample = random.Random(options.seed).sample(everything, count)  # noqa: S311 - a sample
    kept = root / ".cache" / "mutants.jsonl"
    if not (options.resume or options.survivors):
        kept.unlink(missing_ok=True)
    record = Record(kept, root)
    known = {case: verdict for case in sample if (verdict := record.verdict(*case))}
    if options.survivors:
        known = {case: verdict for case, verdict in known.items() if verdict != Verdict.SURVIVED}
    print(
        f"{count} of {len(everything)} changes, seed {options.seed}, in {tempfile.gettempdir()}; "
        f"{len(known)} are known from {kept.relative_to(root)}",
        flush=True,
    )
    verdicts = Counter((_group(*case), verdict) for case, verdict in known.items())
    interrupted = False
    try:
        _try_all(root, [case for case in sample if case not in known], record, verdicts, options)
    except UnfitError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        interrupted = True
        print("\nInterrupted. The same with --resume goes on; what was found until now:")
    _print_table(verdicts)
    if interrupted:
        return 130
    return int(any(verdicts[group, Verdict.SURVIVED] for group in ("lambda", "policies")))


def _try_all(
    root: Path,
    cases: Sequence[Case],
    record: Record,
    verdicts: Counter[tuple[str, Verdict]],
    options: argparse.Namespace,
) -> None:
    if not cases:
        return
    trials = Trials(options.timeout)
    done = verdicts.total()
    count = done + len(cases)
    with ExitStack() as stack:
        projects: SimpleQueue[Path] = SimpleQueue()
        for _ in range(options.jobs):
            projects.put(stack.enter_context(copy_of(root)))
        pool = stack.enter_context(ThreadPoolExecutor(options.jobs))
        # Before the pool waits for its threads, and they for their tests.
        stack.callback(trials.stop)

        def one(case: Case) -> tuple[Case, Verdict, float]:
            project = projects.get()
            start = time.monotonic()
            try:
                verdict = trials.verdict(project, *case)
            finally:
                projects.put(project)
            return case, verdict, time.monotonic() - start

        project = projects.get()
        projects.put(project)
        trials.check_fit(project, sorted({path for path, _ in cases}))
        futures = [pool.submit(one, case) for case in cases]
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        for number, future in enumerate(as_completed(futures), start=done + 1):
            (path, change), verdict, seconds = future.result()
            record.add(path, change, verdict)
            verdicts[_group(path, change), verdict] += 1
            survived = sum(n for (_, each), n in verdicts.items() if each is Verdict.SURVIVED)
            shown = change.shown((root / path).read_text())
            print(
                f"{number:{len(str(count))}}/{count} {seconds:4.0f} s, {survived} survived so far. "
                f"{verdict}: {path}:{change.line}: {shown}",
                flush=True,
            )


def _group(path: str, change: Change) -> str:
    return "policies" if change.policy else path.partition("/")[0]


def _print_table(verdicts: Counter[tuple[str, Verdict]]) -> None:
    print(f"\n| | {' | '.join(Verdict)} |\n|---{'|---:' * len(Verdict)}|")
    for group in sorted({group for group, _ in verdicts}):
        print(f"| {group} | {' | '.join(str(verdicts[group, v]) for v in Verdict)} |")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("sources", nargs="*", default=SOURCES, help="folders with sources")
    parser.add_argument("--count", type=int, default=100, help="how many changes (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="another sample (default: 1)")
    parser.add_argument("--policies", action="store_true", help="parts of IAM statements alone")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (default: 2)")
    parser.add_argument(
        "--timeout", type=float, default=600, help="seconds for a run of tests (default: 600)"
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume", action="store_true", help="go on where the last run was interrupted"
    )
    again.add_argument(
        "--survivors",
        action="store_true",
        help="as --resume, and try those again that survived: with the tests as they are now",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    # An end from outside shows the table as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
