import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

# The built-in validation of templates costs seconds for each synthesis. tests/test_app.py runs the
# whole app through the CLI with it; here it would only say the same again.
os.environ.setdefault("CDK_VALIDATION", "false")

# The project's own Node.js, where it has one, as the Makefile has it. jsii takes it from here.
_NODE_PROGRAMS = Path(__file__).parents[1] / "node_modules" / ".bin"
os.environ["PATH"] = os.pathsep.join([str(_NODE_PROGRAMS), os.environ["PATH"]])


@pytest.fixture(scope="session")
def without_engine() -> Callable[[object], NoReturn]:
    """Leave out what needs a container engine, and say why; in CI that is a failure."""

    def leave_out(reason: object) -> NoReturn:
        message = f"not run, for want of a container engine: {reason}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    return leave_out
