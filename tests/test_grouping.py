"""Tests that share a set-up run in one worker: otherwise each worker deploys a cloud of its own."""

import subprocess
import sys
from pathlib import Path

TESTS = """
import os
import pytest

@pytest.mark.xdist_group("one cloud")
@pytest.mark.parametrize("number", range(4))
def test_worker(number):
    print("worker", os.environ["PYTEST_XDIST_WORKER"])
"""


def test_a_group_stays_in_one_worker(tmp_path: Path) -> None:
    tests = tmp_path / "test_group.py"
    tests.write_text(TESTS)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n2", "--dist", "loadgroup", "-rP", tests.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    workers = [line for line in run.stdout.splitlines() if line.startswith("worker ")]
    assert len(workers) == 4
    assert len(set(workers)) == 1
