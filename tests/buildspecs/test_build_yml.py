"""The shell of the shipped buildspecs, phase by phase, as the shell that runs it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

BUILDSPECS = Path(__file__).parents[2] / "buildspecs"
SHELLCHECK = Path(sys.executable).parent / "shellcheck"


def phases() -> list[Any]:
    return [
        pytest.param(
            spec["env"]["shell"],
            [*phase["commands"], *phase.get("finally", ())],
            id=f"{file.stem}-{name}",
        )
        for file in sorted(BUILDSPECS.glob("*.yml"))
        for spec in [yaml.safe_load(file.read_text())]
        for name, phase in spec["phases"].items()
    ]


@pytest.mark.parametrize(("shell", "commands"), phases())
def test_shellcheck_finds_nothing(shell: str, commands: list[str]) -> None:
    # What a build sets is unknown to the checker (SC2154), and an exported assignment whose command
    # fails (SC2155) is caught by the check of its value that follows.
    finished = subprocess.run(
        [SHELLCHECK, f"--shell={shell}", "--exclude=SC2154,SC2155", "-"],
        input="\n".join(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout


def test_everything_that_deploys_comes_after_what_may_fail() -> None:
    spec = yaml.safe_load((BUILDSPECS / "build.yml").read_text())
    commands = spec["phases"]["build"]["commands"]

    def first(text: str) -> int:
        return next(number for number, command in enumerate(commands) if text in command)

    assert first("docker run") < first("--push") < first("scan_gate.py") < first("imagedefinitions")
    # It runs after a failed build too.
    assert "imagedefinitions" not in str(spec["phases"]["post_build"]["commands"])
    assert spec["artifacts"]["files"] == [
        "imagedefinitions.json",
        "scan-findings.json",
        "sbom/**/*",
    ]
