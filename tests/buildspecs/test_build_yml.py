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
    # What a build sets or writes is unknown to the checker (SC2154, SC1091).
    finished = subprocess.run(
        [SHELLCHECK, f"--shell={shell}", "--exclude=SC2154,SC1091", "-"],
        input="\n".join(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout


def test_commands_are_short_and_run_nothing_from_the_source() -> None:
    spec = yaml.safe_load((BUILDSPECS / "build.yml").read_text())
    commands = [
        command
        for phase in spec["phases"].values()
        for command in (*phase["commands"], *phase.get("finally", ()))
    ]
    assert len(commands) > 4
    for command in commands:
        # CodeBuild repeats the one that fails as its reason.
        assert len(command) < 180, command
        assert "\n" not in command
        # Programs are looked up from a folder outside of the source, or named by their path.
        assert command.startswith(('"$BUILD_PYTHON" -I ', "source ", "export ", "echo ")) or (
            "(cd / && " in command
        )


def test_what_is_handed_over_stands_in_a_folder_of_its_own() -> None:
    spec = yaml.safe_load((BUILDSPECS / "build.yml").read_text())
    assert spec["artifacts"] == {"base-directory": ".container-artifact", "files": ["**/*"]}
