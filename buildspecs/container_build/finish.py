"""``post_build``: what CodeBuild takes as artifacts and reports."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from container_build.failure import BuildFailedError
from container_build.settings import Settings
from container_build.source import (
    ARTIFACT,
    DEPLOY_FILES,
    OWN_NAMES,
    TEST_RESULTS,
    check_own_names,
    path_in_source,
)
from container_build.state import DEFINITIONS, DEPLOY_OUTPUT, OUTPUT, RESULTS


def finish(settings: Settings, *, is_succeeding: bool) -> None:
    """Put what the build has made where CodeBuild looks for it; the first write to the source.

    Parameters
    ----------
    settings
        The build's settings.
    is_succeeding
        Whether everything so far has succeeded, commands of one's own at the end as well: only then
        is there anything to deploy from.

    Raises
    ------
    BuildFailedError
        If one of the names is taken.
    """
    check_own_names(settings.source)
    for folder, target in settings.report_folders.items():
        _hand_over_report(settings.source, folder, settings.source / target)
    left_out = set() if is_succeeding else {DEFINITIONS}
    _copy(settings.folder / OUTPUT, settings.source / ARTIFACT, left_out)
    if is_succeeding:
        _copy(settings.folder / DEPLOY_OUTPUT, settings.source / DEPLOY_FILES, set())
    _copy(settings.folder / RESULTS, settings.source / TEST_RESULTS, set())


def _hand_over_report(source: Path, folder: str, target: Path) -> None:
    try:
        origin = path_in_source(source, folder, "base_directory")
    except BuildFailedError as error:
        # The image is none the worse for it.
        print(f"No report: {error}", flush=True)
        return
    _copy(origin, target, set())


def _copy(origin: Path, target: Path, left_out: set[str]) -> None:
    """Copy plain files alone: a link of the source or of an image's test could lead anywhere."""
    for folder, below, names in os.walk(origin):
        below[:] = [name for name in below if name not in OWN_NAMES]
        for name in names:
            file = Path(folder, name)
            if name in left_out or not stat.S_ISREG(file.lstat().st_mode):
                continue
            copy = target / file.relative_to(origin)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy, follow_symlinks=False)
