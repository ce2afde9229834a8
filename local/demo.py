"""The whole way once: deploy the app to a local cloud, release the sample, see what runs."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from local.cloud import ROOT
from local.deployment import deployed_cloud
from local.entrances import entrance_of
from local.messages import panel
from local.progress import changing_line, console, note
from local.release import Commit, Recorded, ReleaseError, Releases, Running, Stage
from local.slack import local_settings, posted
from local.traffic import bar
from local.visitor import Visitor

SAMPLE: Final = ROOT / "samples" / "my-container-app"
_RELEASE_SECONDS: Final = 900
_MESSAGE_SECONDS: Final = 10
_LONGEST_ANSWER: Final = 200
_BROKEN: Final = "export const GREETING = 'never said';\nprocess.exit(3);\n"


def demo(folder: Path, *, engine_cache: Path, application: Path = SAMPLE) -> None:
    """Deploy the app to a local cloud of its own, release an application, end the cloud.

    Of the sample application it then releases a version that cannot run.

    Parameters
    ----------
    folder
        The folder for the cloud's state and logs.
    engine_cache
        The folder for the private engine's programs and build cache.
    application
        The application's folder; the sample application by default.

    Raises
    ------
    ReleaseError
        If the folder has no Dockerfile, or the release failed; or if that of the version that
        cannot run did not.
    """
    if not (application / "Dockerfile").is_file():
        raise ReleaseError(f"{application} has no Dockerfile: name the folder of an application")
    started = time.monotonic()
    console.print("\n[bold]A release, from a commit to a running image, on this machine alone[/]")
    with deployed_cloud(folder, engine_cache=engine_cache) as cloud:
        if cloud.engine is None:
            console.print(
                "\n[yellow]Everything is deployed; the build is left out, for want of a container "
                f"engine.[/]\n{cloud.unavailable}"
            )
        else:
            pipelines = Releases(cloud.endpoint).pipelines()
            for pipeline in pipelines:
                release(cloud.endpoint, application, pipeline)
            if application == SAMPLE:
                _bad_release(cloud.endpoint, pipelines[0])
            console.print(
                "Next: change samples/my-container-app/src/greeting.js and run [bold]make demo[/] "
                "again, or deploy to AWS (README.md)",
                soft_wrap=True,
            )
    console.print(f"[dim]{time.monotonic() - started:.0f} s in all; nothing is left running.[/]\n")


def release(endpoint: str, folder: Path, pipeline: str | None = None) -> None:
    """Push a folder as a commit, follow the pipeline, and show what the service runs after it.

    Parameters
    ----------
    endpoint
        The address of the local cloud.
    folder
        The application's folder.
    pipeline
        The pipeline's name; the first one by default.

    Raises
    ------
    ReleaseError
        If the release failed; the message carries the reason and the log's last lines.
    """
    pipeline = pipeline or Releases(endpoint).pipelines()[0]
    told_before = len(posted(endpoint))
    try:
        _release(endpoint, folder, pipeline)
    except ReleaseError:
        _show_messages(endpoint, told_before, pipeline)
        raise
    _show_messages(endpoint, told_before, pipeline)


def _release(endpoint: str, folder: Path, pipeline: str) -> None:
    releases = Releases(endpoint)
    known = releases.pipelines()
    if pipeline not in known:
        raise ReleaseError(f"there is no pipeline '{pipeline}', only {', '.join(known)}")
    repository, branch = releases.watched(pipeline)
    cluster, service = releases.deploy_targets(pipeline)
    commit = Commit.of(folder)
    before = releases.running(cluster, service)
    shifts = releases.shifts(cluster, service)
    console.print(f"\n[bold]Release of {repository}@{branch}, commit {commit.id[:7]}[/]")
    started = releases.push(
        commit, repository=repository, branch=branch, message=f"Release {folder.name}"
    )
    if not started:
        raise ReleaseError(f"the push started no pipeline: does {pipeline} detect changes?")
    stages: dict[str, Stage] = {}

    def seen(stage: Stage) -> None:
        stages[stage.name] = stage
        if stage.status == "InProgress":
            console.print(f"  … {stage.name}")
            return
        mark = "[green]✓[/]" if stage.status == "Succeeded" else "[red]✗[/]"
        console.print(f"  {mark} {stage.name} [dim]{stage.seconds:.1f} s[/]")
        if stage.reason:
            note(stage.reason)

    url = entrance_of(endpoint, cluster, service)
    with contextlib.ExitStack() as stack:
        show = stack.enter_context(changing_line())
        visitor = stack.enter_context(Visitor(url)) if url else None

        def shown() -> None:
            shift = shifts.now()
            show(bar(shift) if shift else "")

        status = releases.follow(
            pipeline, started[0], seen=seen, meanwhile=shown, seconds=_RELEASE_SECONDS
        )
    if status != "Succeeded":
        now = releases.running(cluster, service)
        unchanged = "what runs is unchanged" if now == before else f"{now.image} runs now"
        visits = f"; {visitor.told()}" if visitor else ""
        raise ReleaseError(f"{pipeline} ended as {status}; {unchanged}{visits}")
    after = releases.running(cluster, service)
    _summary(stages.values(), before, after, releases.recorded(pipeline))
    if url and visitor:
        _visits(url, visitor)
    console.print()


def _bad_release(endpoint: str, pipeline: str) -> None:
    console.print("\n[bold]A bad release: a program that ends as soon as it has started[/]")
    releases = Releases(endpoint)
    targets = releases.deploy_targets(pipeline)
    live = releases.running(*targets), releases.recorded(pipeline)
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(shutil.copytree(SAMPLE, Path(folder) / SAMPLE.name))
        (broken / "src" / "greeting.js").write_text(_BROKEN)
        try:
            release(endpoint, broken, pipeline)
        except ReleaseError as error:
            if (releases.running(*targets), releases.recorded(pipeline)) != live:
                raise
            console.print(f"  [green]✓[/] {error}\n", soft_wrap=True)
        else:
            raise ReleaseError("a version that cannot run was released: that must not be")


def _show_messages(endpoint: str, known: int, pipeline: str) -> None:
    if "slack" not in local_settings().get("monitoring", {}):
        return
    # An event, a rule and a function that starts are between a release's end and the message.
    end = time.monotonic() + _MESSAGE_SECONDS
    while True:
        told = posted(endpoint)[known:]
        its_end = any(
            f" {pipeline}: Release {ended}" in message["text"]
            for message in told
            for ended in ("failed", "succeeded")
        )
        if its_end or time.monotonic() >= end:
            break
        time.sleep(0.1)
    for message in told:
        # What a bot says in a release's thread, the release's message says as well.
        if "thread_ts" not in message:
            console.print(panel(message))
    console.print()


def _summary(
    stages: Iterable[Stage], before: Running, after: Running, recorded: Recorded | None
) -> None:
    rows = [
        ("stages", ", ".join(f"{stage.name} {stage.seconds:.1f} s" for stage in stages)),
        ("digest", after.image.rpartition("@")[2]),
        ("before", before.task_definition),
        ("", before.image),
        ("after", after.task_definition),
        ("", after.image),
    ]
    if recorded is not None:
        what = "it" if recorded.image == after.image else recorded.image
        rows.append(("pointer", f"{recorded.parameter} names {what}"))
    console.print("\n[bold]What came of it[/]")
    for title, value in rows:
        console.print(f"  [dim]{title:<7}[/] {value}", soft_wrap=True)


def _visits(url: str, visitor: Visitor) -> None:
    colour = "red" if visitor.troubles else "green"
    console.print(f"  [dim]{'visits':<7}[/] [{colour}]{visitor.told()}[/]", soft_wrap=True)
    for title, answer in zip(("asked", ""), (url, *list(visitor.answers)[-1:]), strict=False):
        console.print(f"  [dim]{title:<7}[/] ", end="")
        console.print(answer[:_LONGEST_ANSWER], markup=False, soft_wrap=True)
