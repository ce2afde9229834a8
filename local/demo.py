"""The demo: deploy the app to a local cloud, release the sample, show what runs."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from local.availability import AvailabilityMonitor
from local.cloud import ROOT
from local.deployment import deployed_cloud
from local.messages import panel
from local.permissions import denied_calls
from local.progress import changing_line, console, note
from local.release import Commit, Recorded, ReleaseError, Releases, Running, Stage
from local.service_url import service_url, trust
from local.slack import local_settings, posted
from local.traffic import bar

SAMPLE: Final = ROOT / "samples" / "my-container-app"
_RELEASE_SECONDS: Final = 900
_MESSAGE_SECONDS: Final = 10
_LONGEST_RESPONSE: Final = 200
_BROKEN: Final = "export const GREETING = 'unreachable';\nprocess.exit(3);\n"


def demo(folder: Path, *, engine_cache: Path, application: Path = SAMPLE) -> None:
    """Deploy the app to a local cloud, release an application, stop the cloud.

    Of the sample application it then releases a version that cannot start.

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
        If the folder has no Dockerfile, the release failed, the release of the version that
        cannot start succeeded, or a role was denied a call.
    """
    if not (application / "Dockerfile").is_file():
        raise ReleaseError(f"{application} has no Dockerfile: name the folder of an application")
    started = time.monotonic()
    console.print("\n[bold]From a commit to a running image, entirely on this machine[/]")
    with deployed_cloud(folder, engine_cache=engine_cache) as cloud:
        if cloud.engine is None:
            console.print(
                "\n[yellow]Everything is deployed; the release is skipped: there is no "
                f"container engine.[/]\n{cloud.unavailable}"
            )
        else:
            pipelines = Releases(cloud.endpoint).pipelines()
            for pipeline in pipelines:
                release(cloud.endpoint, application, pipeline)
            if application == SAMPLE:
                _failing_release(cloud.endpoint, pipelines[0])
            if denied := denied_calls(cloud.endpoint):
                raise ReleaseError("AWS would have denied:\n" + "\n".join(map(str, denied)))
            console.print(
                "Next: change samples/my-container-app/src/greeting.js and run [bold]make demo[/] "
                "again, or deploy to AWS (README.md)",
                soft_wrap=True,
            )
    console.print(f"[dim]Total: {time.monotonic() - started:.0f} s; nothing is left running.[/]\n")


def release(endpoint: str, folder: Path, pipeline: str | None = None) -> None:
    """Push a folder as a commit, follow the pipeline, and show what the service runs afterwards.

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
    posted_before = len(posted(endpoint))
    try:
        _release(endpoint, folder, pipeline)
    except ReleaseError:
        _show_messages(endpoint, posted_before, pipeline)
        raise
    _show_messages(endpoint, posted_before, pipeline)


def _release(endpoint: str, folder: Path, pipeline: str) -> None:
    releases = Releases(endpoint)
    known = releases.pipelines()
    if pipeline not in known:
        raise ReleaseError(f"there is no pipeline '{pipeline}', only {', '.join(known)}")
    repository, branch = releases.source(pipeline)
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

    def show_stage(stage: Stage) -> None:
        stages[stage.name] = stage
        if stage.status == "InProgress":
            console.print(f"  … {stage.name}")
            return
        mark = "[green]✓[/]" if stage.status == "Succeeded" else "[red]✗[/]"
        console.print(f"  {mark} {stage.name} [dim]{stage.seconds:.1f} s[/]")
        if stage.reason:
            note(stage.reason)

    url = service_url(endpoint, cluster, service)
    with contextlib.ExitStack() as stack:
        show_line = stack.enter_context(changing_line())
        monitor = stack.enter_context(AvailabilityMonitor(url, trust(endpoint))) if url else None

        def show_shift() -> None:
            shift = shifts.now()
            show_line(bar(shift) if shift else "")

        status = releases.follow(
            pipeline, started[0], on_change=show_stage, on_poll=show_shift, seconds=_RELEASE_SECONDS
        )
    if status != "Succeeded":
        now = releases.running(cluster, service)
        unchanged = "the running version is unchanged" if now == before else f"{now.image} runs now"
        requests = f"; requests: {monitor.summary()}" if monitor else ""
        raise ReleaseError(f"pipeline {pipeline} ended as {status}; {unchanged}{requests}")
    after = releases.running(cluster, service)
    _summary(stages.values(), before, after, releases.recorded(pipeline))
    if url and monitor:
        _requests(url, monitor)
    console.print()


def _failing_release(endpoint: str, pipeline: str) -> None:
    console.print("\n[bold]A failing release: the application exits as soon as it has started[/]")
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
            raise ReleaseError("a version that cannot start was released")


def _show_messages(endpoint: str, known: int, pipeline: str) -> None:
    if "slack" not in local_settings().get("monitoring", {}):
        return
    # An event, a rule and a function that starts are between a release's end and the message.
    end = time.monotonic() + _MESSAGE_SECONDS
    while True:
        messages = posted(endpoint)[known:]
        ended = any(
            f" {pipeline}: Release {outcome}" in message["text"]
            for message in messages
            for outcome in ("failed", "succeeded")
        )
        if ended or time.monotonic() >= end:
            break
        time.sleep(0.1)
    for message in messages:
        # What a bot posts to a release's thread is in the release's message as well.
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
        what = "this image" if recorded.image == after.image else recorded.image
        rows.append(("pointer", f"{recorded.parameter} holds {what}"))
    console.print("\n[bold]Result[/]")
    for title, value in rows:
        console.print(f"  [dim]{title:<8}[/] {value}", soft_wrap=True)


def _requests(url: str, monitor: AvailabilityMonitor) -> None:
    colour = "red" if monitor.failures else "green"
    console.print(f"  [dim]{'requests':<8}[/] [{colour}]{monitor.summary()}[/]", soft_wrap=True)
    rows = zip(("GET", ""), (url, *list(monitor.responses)[-1:]), strict=False)
    for title, text in rows:
        console.print(f"  [dim]{title:<8}[/] ", end="")
        console.print(text[:_LONGEST_RESPONSE], markup=False, soft_wrap=True)
