"""The settings of builds of pull requests: ``services.N.pull_requests``."""

from pydantic import Field

from stacks._model import Model, Parameter
from stacks.release_settings import Patterns


class PullRequestSettings(Model):
    """Which pull requests are built, tested and scanned; nothing of them is released."""

    branches: Patterns = Field(default_factory=list)
    """The destination branches; the source's own when none are named or excluded."""
    branches_excluded: Patterns = Field(default_factory=list)
    file_paths: Patterns = Field(default_factory=list)
    """Files of which one must have changed; for a repository with several services."""
    file_paths_excluded: Patterns = Field(default_factory=list)
    secret_parameters: dict[str, Parameter] = Field(default_factory=dict)
    """Secrets of the Dockerfile, which whoever opens a pull request can read: id -> parameter."""
