"""What a further service makes Python ask of Node.js: the same number on every machine."""

import pytest

from benchmarks.synthesized import synthesized


@pytest.mark.parametrize(("app", "most"), [("existing", 293), ("own", 419)])
def test_a_further_service_asks_little_of_the_cdk(app: str, most: int) -> None:
    # The first service of a process also asks for what is kept for all others.
    two, three = (sum(synthesized(app, services)["crossings"].values()) for services in (2, 3))
    assert 0 < three - two <= most, (
        "see python -m benchmarks --crossings for what is asked how often"
    )
