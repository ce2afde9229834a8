"""The settings with which the acceptance run deploys the app."""

from acceptance.delivery import settings
from acceptance.names import Names
from stacks.settings import Settings


def test_they_are_small_and_usable() -> None:
    names = Names("0a1b2c")
    read = Settings.from_context(settings(names, {"A": "b"}, docker_hub=True))
    assert [service.name for service in read.services] == list(names.services)
    assert read.platform.nat_gateways == 1
    assert not read.monitoring.enabled
    first = read.services[0]
    assert first.build.docker_hub is not None
    assert first.container is not None
    assert (first.container.cpu, first.container.memory) == (256, 512)
    assert Settings.from_context(settings(names, {})).services[0].build.docker_hub is None
