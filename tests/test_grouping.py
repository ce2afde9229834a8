"""Tests that share a set-up run in one worker: otherwise each worker deploys a cloud of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# As the Makefile has them.
OPTIONS = ("-p", "tests.conftest", "-n2", "--dist", "loadgroup", "--no-loadscope-reorder", "-rP")
TESTS = """
import os
import pytest

@pytest.mark.parametrize("number", range(4))
def test_worker(number):
    print("worker", os.environ["PYTEST_XDIST_WORKER"])
"""


def test_the_tests_of_a_file_stay_in_one_worker(tmp_path: Path) -> None:
    tests = tmp_path / "test_group.py"
    tests.write_text(TESTS)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, "--rootdir", str(tmp_path), str(tests)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    workers = [line for line in run.stdout.splitlines() if line.startswith("worker ")]
    assert len(workers) == 4
    assert len(set(workers)) == 1
