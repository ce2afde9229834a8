"""What one phase of a build leaves to the next."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

OUTPUT = "output"
"""The folder of what becomes the artifact."""
DEPLOY_OUTPUT = "deploy-output"
"""The folder of what CodeDeploy deploys from."""
DEFINITIONS = "imagedefinitions.json"
"""The file that names the image to deploy."""
RESULTS = "test-results"
"""The folder of what the image's test leaves."""


@dataclass(frozen=True)
class State:
    """How far a build is.

    Attributes
    ----------
    commit
        The commit that the image is of, if it is known.
    tag
        The tag of the image, or how an image that is there already was asked for.
    existing_image
        The image that is released again, by digest; empty for a new one.
    is_recorded
        Whether that image is live, or was before: it has passed the gate.
    builder
        The builder to build with; empty for the one that is chosen, or the engine's own.
    is_cache_in_image
        Whether the image itself keeps its layers for the next build.
    digest
        The image's digest, once it is known.
    is_one_image
        Whether the digest is known to be that of an image, and not of an index of several.
    """

    commit: str
    tag: str
    existing_image: str = ""
    is_recorded: bool = False
    builder: str = ""
    is_cache_in_image: bool = False
    digest: str = ""
    is_one_image: bool = False


def write_state(folder: Path, state: State, repository_uri: str) -> None:
    """Leave the state to the next phase, and the exported variables to the shell.

    Parameters
    ----------
    folder
        The build's folder.
    state
        The state.
    repository_uri
        The address of the repository.
    """
    exports = {"COMMIT_ID": state.commit, "IMAGE_TAG": state.tag}
    if state.digest:
        exports["IMAGE_DIGEST"] = state.digest
        exports["IMAGE_URI"] = f"{repository_uri}@{state.digest}"
    (folder / "state.json").write_text(json.dumps(asdict(state)), encoding="utf-8")
    (folder / "exports").write_text(
        "".join(f"export {name}={shlex.quote(value)}\n" for name, value in exports.items()),
        encoding="utf-8",
    )


def read_state(folder: Path) -> State:
    """Take up what the phase before has left.

    Parameters
    ----------
    folder
        The build's folder.

    Returns
    -------
    State
        The state.
    """
    return State(**json.loads((folder / "state.json").read_text(encoding="utf-8")))
