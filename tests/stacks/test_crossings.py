"""What a further service makes Python ask of Node.js: the same number on every machine."""

import pytest

from benchmarks.synthesized import synthesized


@pytest.mark.parametrize(("app", "most"), [("existing", 400), ("own", 517)])
def test_a_further_service_asks_little_of_the_cdk(app: str, most: int) -> None:
    one, two = (sum(synthesized(app, services)["crossings"].values()) for services in (1, 2))
    assert 0 < two - one <= most, "see python -m benchmarks --crossings for what is asked how often"
