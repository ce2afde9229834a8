import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

# The built-in validation of templates costs seconds for each synthesis. tests/test_app.py runs the
# whole app through the CLI with it; here it would only say the same again.
os.environ.setdefault("CDK_VALIDATION", "false")
# The project's own Node.js, where it has one, as the Makefile has it. jsii takes it from here.
_NODE_PROGRAMS = Path(__file__).parents[1] / "node_modules" / ".bin"
os.environ["PATH"] = os.pathsep.join([str(_NODE_PROGRAMS), os.environ["PATH"]])

_LONGEST = (
    "every setting of rolling",
    "tests/buildspecs/test_isolation.py",
    "tests/buildspecs/test_build_program.py",
    "every setting of ecs",
    "every setting of code-deploy",
    "every setting of existing",
    "tests/local/emulator/test_code_deploy.py",
    "tests/stacks/test_template_rules.py",
    "tests/stacks/test_reviews_page.py",
    "tests/test_app.py",
    "app with everything",
    "app with existing",
    "tests/benchmarks/test_mutants.py",
)
"""Groups that take 5 to 30 seconds without a container engine, which their size does not say."""

_LEFT_OUT = pytest.StashKey[int]()


@pytest.fixture(scope="session")
def without_engine() -> Callable[[object], NoReturn]:
    """Leave out what needs a container engine, and say why; in CI that is a failure."""

    def leave_out(reason: object) -> NoReturn:
        message = f"not run, for want of a container engine: {reason}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    return leave_out


# Before pytest-xdist, which reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Divide the tests among workers: what shares a set-up stays together, the longest is first.

    That is a file, or a folder whose tests deploy one app to the local cloud, or what a test has
    said itself.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_shared(item)))
    sizes = Counter(_group(item) for item in items)
    first = {group: number for number, group in enumerate(_LONGEST)}
    items.sort(
        key=lambda item: (
            not _is_e2e(item),
            first.get(_group(item), len(first)),
            -sizes[_group(item)],
            _group(item),
        )
    )


def _shared(item: pytest.Item) -> str:
    folder = item.path.parent
    deploys = _is_e2e(item) and folder.parent.name == "local" and folder.name != "engine"
    return str((folder if deploys else item.path).relative_to(item.config.rootpath))


def _group(item: pytest.Item) -> str:
    (marker, *_) = item.iter_markers("xdist_group")
    return str(marker.args[0])


def _is_e2e(item: pytest.Item) -> bool:
    return item.get_closest_marker("e2e") is not None


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if _is_e2e(item):
            item.config.stash[_LEFT_OUT] = item.config.stash.get(_LEFT_OUT, 0) + 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(_LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # Each worker has collected all tests.
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    left_out = config.stash.get(_LEFT_OUT, 0)
    if left_out and config.getoption("markexpr") == "not e2e":
        terminalreporter.write_line(
            f"left out: {left_out} e2e tests, which need a container engine; `make test` runs all, "
            "`make test-e2e` them alone"
        )
