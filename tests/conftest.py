import os
from collections.abc import Callable
from typing import NoReturn

import pytest

# The built-in validation of templates costs seconds for each synthesis. tests/test_app.py runs the
# whole app through the CLI with it; here it would only say the same again.
os.environ.setdefault("CDK_VALIDATION", "false")


@pytest.fixture(scope="session")
def without_engine() -> Callable[[object], NoReturn]:
    """Leave out what needs a container engine, and say why; in CI that is a failure."""

    def leave_out(reason: object) -> NoReturn:
        message = f"not run, for want of a container engine: {reason}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    return leave_out
