"""The gate: waits for the scan of a digest, decides, and reports."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from container_build.aws import Aws
from container_build.failure import BuildFailedError
from container_build.scan.decision import decide
from container_build.scan.findings import Finding, Image, UnreadableError
from container_build.scan.images import images_behind
from container_build.scan.reading import read_scan, settled
from container_build.scan.registry import Registry
from container_build.scan.report import record, tables, verdict
from container_build.scan.settings import parse_settings
from container_build.scan.wait import Wait
from container_build.settings import Repository

_BLOCKED, _UNREADABLE = 1, 2


def utc_today() -> dt.date:
    """Give the day on which the allow-list is read."""
    return dt.datetime.now(dt.timezone.utc).date()  # noqa: UP017 - 3.9


class Gate:
    """The gate for one digest. It can wait while something else is done.

    Parameters
    ----------
    document
        What the project asks, see ``scan/settings.py``.
    repository
        Where the image is.
    digest
        The image.
    aws
        Asks AWS.
    is_one_image
        Whether the digest is known to be that of one image, so that there is no index to look into.
    today, now
        The day, and the seconds of a clock.
    pause
        Waits for some seconds; gives whether the wait is over for another reason. By default it is
        when the gate has been stopped.

    Raises
    ------
    BuildFailedError
        If the settings are not as documented.
    """

    def __init__(
        self,
        document: str,
        repository: Repository,
        digest: str,
        aws: Aws,
        *,
        is_one_image: bool = False,
        today: Callable[[], dt.date] = utc_today,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        try:
            self._settings = parse_settings(document)
        except UnreadableError as error:
            raise BuildFailedError(
                f"Scan gate: NO READABLE RESULT: {error}.", _UNREADABLE
            ) from None
        self._repository, self._digest = repository, digest
        self._registry = Registry(aws, repository)
        self._is_one_image = is_one_image
        self._today, self._now = today, now
        self._stopped = threading.Event()
        self._pause = pause or self._stopped.wait
        self._read: list[Image] = []
        self._findings: list[Finding] = []
        self._problems: list[str] = []

    def stop(self) -> None:
        """End the wait: the build has failed already."""
        self._stopped.set()

    def wait(self) -> None:
        """Wait until the findings are there, or it is known that they will not be."""
        settings, pushed = self._settings, Image(self._digest, "")
        print(
            f"Waiting up to {settings.max_wait:.0f} s for ECR's scan of {self._digest}", flush=True
        )
        wait = Wait(settings.max_wait, settings.poll_interval, self._now, self._pause)
        images = [pushed]
        if not self._is_one_image:
            try:
                images = wait.until(lambda: images_behind(self._registry, pushed))
            except UnreadableError as error:
                self._problems.append(str(error))
                return
        for image in images:
            try:
                scan = wait.until(settled(partial(read_scan, self._registry, image)))
            except UnreadableError as error:
                self._problems.append(f"{image.platform} {image.digest}: {error}".strip())
            else:
                self._read.append(image)
                self._findings += scan.findings

    def decide(self, artifact: Path) -> None:
        """Report, and end the build if it must not go on.

        Parameters
        ----------
        artifact
            Where the findings are written.

        Raises
        ------
        BuildFailedError
            If a finding blocks or there is no readable result, unless the gate only reports.
        """
        settings = self._settings
        decision = decide(self._findings, settings, self._today())
        if self._read:
            print("\n".join(["", *tables(decision)]))
            stopped = "blocked" if decision.blocking else "passed"
            written = {
                "repository": self._repository.uri,
                "digest": self._digest,
                "images": [asdict(image) for image in self._read],
                "verdict": "unreadable" if self._problems else stopped,
                "problems": self._problems,
                "mode": "enforce" if settings.enforce else "report",
                "threshold": settings.threshold,
                "fixable_only": settings.fixable_only,
                **record(self._findings, decision),
            }
            artifact.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
        ending = verdict(self._findings, decision, self._problems, enforce=settings.enforce)
        if settings.enforce and (self._problems or decision.blocking):
            raise BuildFailedError(ending, _UNREADABLE if self._problems else _BLOCKED)
        print(ending)
