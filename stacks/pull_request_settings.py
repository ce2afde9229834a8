"""The settings of builds of pull requests: ``services.N.pull_requests``."""

from collections.abc import Iterator

from pydantic import Field

from container_pipelines import PullRequestTrigger
from stacks._mistakes import Mistake, mistake
from stacks._model import Model, Parameter, SecretField, refused
from stacks.build_settings import secret_ids
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
    secrets: dict[str, SecretField] = Field(default_factory=dict)
    """The same from Secrets Manager: id -> the secret's name."""

    def mistakes(self) -> Iterator[Mistake]:
        """Find patterns that name nothing or contradict each other."""
        yield from refused(self.trigger, prefix="pull_request_trigger")
        for name in ("secret_parameters", "secrets"):
            yield from secret_ids(name, getattr(self, name))
        if both := sorted(set(self.secrets) & set(self.secret_parameters)):
            yield mistake(
                "secrets",
                f"must not repeat ids of secret_parameters, got {', '.join(both)} in both",
                reads=["secret_parameters"],
            )

    def trigger(self) -> PullRequestTrigger:
        """Return which pull requests start the pipeline."""
        return PullRequestTrigger(**self.model_dump(exclude={"secret_parameters", "secrets"}))
