"""Which paths of the source a build may use, and which names in it are the build's own."""

from __future__ import annotations

import os
from pathlib import Path

from container_build.failure import BuildFailedError

# CodeBuild finds artifacts and reports in folders "relative to the original build location", which
# is the source's root, and nothing is said of folders elsewhere:
# https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
ARTIFACT = ".container-artifact"
DEPLOY_FILES = ".container-deploy-files"
TEST_RESULTS = ".container-test-results"
REPORTS = ".container-reports"
OWN_NAMES = (ARTIFACT, DEPLOY_FILES, TEST_RESULTS, REPORTS)


def check_own_names(source: Path) -> None:
    """Refuse a source that has one of the names by which the build hands over what it has made.

    Parameters
    ----------
    source
        The source's root.

    Raises
    ------
    BuildFailedError
        If there is anything of such a name, be it a link that leads nowhere.
    """
    for name in OWN_NAMES:
        if os.path.lexists(source / name):
            raise BuildFailedError(
                f"The source must not contain {name}, by which the build hands over what it has "
                "made: rename or remove it in the repository."
            )


def path_in_source(source: Path, path: str, setting: str) -> Path:
    """Find a file or folder of the source that does not lead out of it.

    Parameters
    ----------
    source
        The source's root, without symbolic links.
    path
        The path from there.
    setting
        What names it, for the message.

    Returns
    -------
    Path
        The absolute path, without symbolic links.

    Raises
    ------
    BuildFailedError
        If it leads out of the source. Docker would follow it, and files of the build machine, such
        as its logins, would be sent to the image's build.
    """
    found = (source / path).resolve()
    if found != source and source not in found.parents:
        raise BuildFailedError(
            f"'{setting}' must stay in the source, got '{path}', which leads to {found}: replace "
            "the symbolic link by a file or folder of the repository."
        )
    return found


def is_in_source(source: Path, path: str) -> bool:
    """Tell whether a path, as it is written or as it resolves, is in the source.

    Parameters
    ----------
    source
        The source's root, without symbolic links.
    path
        An absolute path.

    Returns
    -------
    bool
        Whether it is.
    """
    places = {Path(os.path.normpath(path)), Path(path).resolve()}
    return any(place == source or source in place.parents for place in places)
