"""An app of small services, deployed by the CDK CLI once and again with other settings."""

from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

from local.cloud import Cloud
from local.toolkit import Toolkit
from tests.local.shops.stacks import Stacks


def deploy(cloud: Cloud, assembly: Path) -> None:
    """Deploy an assembly to a cloud."""
    log = cloud.folder / f"{assembly.parent.name}.log"
    Toolkit(environment=cloud.environment, assembly=assembly, log=log).deploy()


class CdkDeploy:
    """Deploys an app of services.

    Parameters
    ----------
    cloud
        Where to.
    name
        The name of the app, its stack and its cluster.
    add
        Adds the services to the stacks.
    folder
        Where the assemblies go.
    """

    def __init__(
        self, cloud: Cloud, name: str, add: Callable[[Stacks], None], folder: Path
    ) -> None:
        self._cloud, self._name, self._add, self._folder = cloud, name, add, folder
        self._words: dict[str, str] = {}

    def __call__(self, **words: str) -> None:
        """Give services these values of their variable WORD; the others keep theirs.

        So do all, for what follows, where the deployment fails.
        """
        every = {**self._words, **words}
        assembly = Path(mkdtemp(dir=self._folder)) / "cdk.out"
        stacks = Stacks(assembly, self._name, every)
        self._add(stacks)
        stacks.synth()
        deploy(self._cloud, assembly)
        self._words = every
