"""Mutation runs, of a project of one function."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.mutants.__main__ import main
from tests.local.emulator.driver import eventually

ROOT = Path(__file__).parents[2]
CODE = "def is_even(number):\n    return number % 2 == 0\n"
WEAK = "from even import is_even\ndef test_zero():\n    assert is_even(0)\n"
STRONG = WEAK + "def test_two():\n    assert is_even(2)\n"
# With 3 for 2, the last change of the sample, it marks that it has begun and never ends.
HANGS = f"""import os, pathlib, time
{WEAK}
def test_two():
    if not is_even(2):
        pathlib.Path(os.environ["HANGS"]).touch()
    while not is_even(2):
        time.sleep(0.1)
"""
TABLE = [
    "| | killed by behaviour | killed by a snapshot alone | survived |",
    "|---|---:|---:|---:|",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    # Its tests need none but the one that has the option -n.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def make(test: str) -> Path:
        files = {
            "lambda/even/even.py": CODE,
            "tests/lambda/even/test_even.py": test,
            "pytest.ini": "[pytest]\npythonpath = lambda/even\nmarkers = e2e\naddopts = -p xdist\n",
            ".gitignore": ".cache\n",
        }
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
        return tmp_path

    return make


def run(capsys: pytest.CaptureFixture[str], root: Path, *options: str) -> tuple[int, list[str]]:
    code = main(["lambda", "--jobs", "1", *options], root)
    return code, capsys.readouterr().out.splitlines()


def test_what_no_test_notices_survives_and_is_tried_again(
    project: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(WEAK)
    code, said = run(capsys, root)
    assert code == 1
    assert said[0].startswith("3 of 3 changes, seed 1, ")
    assert [line.split()[0] for line in said[1:4]] == ["1/3", "2/3", "3/3"]
    (survivor,) = (line for line in said if "survived: " in line)
    assert survivor.endswith(" lambda/even/even.py:2: constant: 2  ->  3")
    assert said[-3:] == [*TABLE, "| lambda | 2 | 0 | 1 |"]
    assert (root / "lambda/even/even.py").read_text() == CODE

    (root / "tests/lambda/even/test_even.py").write_text(STRONG)
    code, said = run(capsys, root, "--resume")
    assert (code, said[1:]) == (1, ["", *TABLE, "| lambda | 2 | 0 | 1 |"])
    code, said = run(capsys, root, "--survivors")
    assert code == 0
    assert [line.split()[0] for line in said[1:-4]] == ["3/3"]
    assert said[-1] == "| lambda | 3 | 0 | 0 |"

    # What was found holds for the file as it was.
    (root / "lambda/even/even.py").write_text(f"# edited\n{CODE}")
    _, said = run(capsys, root, "--resume", "--count", "1")
    assert [line.split()[0] for line in said[1:-4]] == ["1/1"]


def test_tests_that_fail_by_themselves_say_nothing(
    project: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(WEAK + "    assert False\n")
    assert main(["lambda"], root) == 2
    assert "The tests must pass first: tests/lambda/even" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_shows_its_table_and_is_resumed(
    project: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    how: signal.Signals,
) -> None:
    root = project(HANGS)
    (root / "benchmarks").symlink_to(ROOT / "benchmarks")
    hangs = root / ".cache" / "hangs"
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.mutants", "lambda", "--jobs", "1"],
        cwd=root,
        env={**os.environ, "HANGS": str(hangs), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        eventually(hangs.exists)
        process.send_signal(how)
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.splitlines()[-4:] == ["", *TABLE, "| lambda | 2 | 0 | 0 |"]
    lines = (root / ".cache" / "mutants.jsonl").read_text().splitlines()
    assert [json.loads(line)["verdict"] for line in lines] == ["killed by behaviour"] * 2
    assert not list(tmp_path.glob("mutants-*"))

    # A test that never ends is one that fails.
    monkeypatch.setenv("HANGS", str(hangs))
    code, shown = run(capsys, root, "--resume", "--timeout", "2")
    assert [line.split()[0] for line in shown[1:-4]] == ["3/3"]
    assert (code, shown[-1]) == (0, "| lambda | 3 | 0 | 0 |")
