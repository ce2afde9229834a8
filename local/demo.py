"""The whole way once: deploy the app to a local cloud, release the sample, see what runs."""

import time
from pathlib import Path
from typing import Final

from rich.table import Table

from local.deployment import deployed_cloud
from local.progress import console, note
from local.release import Commit, ReleaseError, Releases, Running, Stage
from local.toolkit import ROOT

SAMPLE: Final = ROOT / "samples" / "my-container-app"
PIPELINE: Final = "my-container-app"

_RELEASE_SECONDS: Final = 900


def demo(cache: Path) -> None:
    """Deploy the app to a local cloud of its own, release the sample application, end the cloud.

    Parameters
    ----------
    cache
        The folder for what the local cloud keeps.
    """
    started = time.monotonic()
    console.print("\n[bold]A release, from a commit to a running image, on this machine alone[/]")
    with deployed_cloud(cache) as cloud:
        if cloud.engine is None:
            console.print(
                "\n[yellow]Everything is deployed; the build is left out, for want of a container "
                f"engine.[/]\n{cloud.unavailable}"
            )
        else:
            release(cloud.endpoint, PIPELINE, SAMPLE)
            console.print(
                "Next: change the greeting in samples/my-container-app/src and run "
                "[bold]make demo[/] again, or deploy to AWS (README.md)"
            )
    console.print(f"[dim]{time.monotonic() - started:.0f} s in all; nothing is left running.[/]\n")


def release(endpoint: str, pipeline: str, folder: Path) -> None:
    """Push a folder as a commit, follow the pipeline, and show what the service runs after it.

    Parameters
    ----------
    endpoint
        The address of the local cloud.
    pipeline
        The pipeline's name.
    folder
        The application's folder.

    Raises
    ------
    ReleaseError
        If the release failed; the message carries the reason and the log's last lines.
    """
    releases = Releases(endpoint)
    repository, branch = releases.watched(pipeline)
    cluster, service = releases.deploy_targets(pipeline)
    commit = Commit.of(folder)
    before = releases.running(cluster, service)
    console.print(f"\n[bold]Release of {repository}@{branch}, commit {commit.id[:7]}[/]")
    last = releases.newest_execution(pipeline)
    releases.push(commit, repository=repository, branch=branch, message=f"Release {folder.name}")
    stages: dict[str, float] = {}

    def seen(stage: Stage) -> None:
        if stage.status == "InProgress":
            stages[stage.name] = time.monotonic()
            console.print(f"  … {stage.name}")
            return
        stages[stage.name] = time.monotonic() - stages.get(stage.name, time.monotonic())
        mark = "[green]✓[/]" if stage.status == "Succeeded" else "[red]✗[/]"
        console.print(f"  {mark} {stage.name} [dim]{stages[stage.name]:.1f} s[/]")
        if stage.reason:
            note(stage.reason)

    execution = releases.wait_for_execution(pipeline, after=last)
    status = releases.follow(pipeline, execution, seen=seen, seconds=_RELEASE_SECONDS)
    if status != "Succeeded":
        now = releases.running(cluster, service)
        unchanged = "what runs is unchanged" if now == before else f"{now.image} runs now"
        raise ReleaseError(f"{pipeline} ended as {status}; {unchanged}")
    _summary(stages, before, releases.running(cluster, service))


def _summary(stages: dict[str, float], before: Running, after: Running) -> None:
    table = Table(title="What came of it", title_justify="left", show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, seconds in stages.items():
        table.add_row(f"{name} stage", f"{seconds:.1f} s")
    table.add_row("Image digest", after.image.rpartition("@")[2])
    table.add_row("Before", f"{before.task_definition}\n{before.image}")
    table.add_row("After", f"{after.task_definition}\n{after.image}")
    console.print()
    console.print(table)
