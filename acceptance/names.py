"""The names of what a run makes: all of them begin with the run's own prefix."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from acceptance.errors import AcceptanceError

TAG = "acceptance-run"
_RUN = re.compile(r"[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a run.

    Parameters
    ----------
    run
        The run's id: six hexadecimal digits.

    Raises
    ------
    AcceptanceError
        If the id has another form, by which another's resources might be taken for the run's.
    """

    run: str

    def __post_init__(self) -> None:
        if not _RUN.fullmatch(self.run):
            raise AcceptanceError(
                f"a run's id must be six hexadecimal digits, got {self.run!r}; take it from the "
                f"first lines or the table of the run"
            )

    @staticmethod
    def new() -> "Names":
        """Return the names of a new run."""
        return Names(secrets.token_hex(3))

    @property
    def prefix(self) -> str:
        """What each name begins with; it is the app's name too."""
        return f"acceptance-{self.run}"

    @property
    def rolling(self) -> str:
        """The service with rolling updates, its repositories and its pipeline."""
        return f"{self.prefix}-rolling"

    @property
    def blue_green(self) -> str:
        """The service whose traffic ECS shifts."""
        return f"{self.prefix}-blue-green"

    @property
    def code_deploy(self) -> str:
        """The service whose traffic CodeDeploy shifts."""
        return f"{self.prefix}-code-deploy"

    @property
    def services(self) -> tuple[str, ...]:
        """All services."""
        return (self.rolling, self.blue_green, self.code_deploy)

    @property
    def alarm(self) -> str:
        """The alarm that sends the traffic of the blue/green service back."""
        return f"{self.prefix}-errors"

    @property
    def asking(self) -> str:
        """What is made to ask a question, and thrown away."""
        return f"{self.prefix}-asking"

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of everything that takes tags."""
        return {TAG: self.run}

    def stack(self, service: str, part: str) -> str:
        """Return the name of one of a service's stacks: registry, service or pipeline."""
        return f"{self.prefix}-{service}-{part}"

    @property
    def platform(self) -> str:
        """The stack of network, cluster and load balancer."""
        return f"{self.prefix}-platform"

    @staticmethod
    def pointer(service: str) -> str:
        """Return the parameter that names a service's live image."""
        return f"/container-pipelines/{service}/image"
