"""What a build finds of a commit: a zip has neither modes nor links, and a clone has both."""

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from local.commit import Commit
from tests.local.emulator.delivery import action, approval, project, source
from tests.local.emulator.driver import Emulator
from tests.local.emulator.pipeline import Pipeline

LOOK = {
    "version": 0.2,
    "env": {"exported-variables": ["RUN", "LINK", "FOLDER", "TEXT"]},
    "phases": {
        "build": {
            "commands": [
                "export RUN=$(./bin/run 2>&1 || echo refused)",
                'export LINK=$(readlink greeting || echo "file: $(cat greeting)")',
                'export FOLDER=$(ls programs/ 2>/dev/null || echo "file: $(cat programs)")',
                "export TEXT=$(cat a.txt)",
            ]
        }
    },
}
CLONED = {"RUN": "ran", "LINK": "a.txt", "FOLDER": "run", "TEXT": "hello"}
ZIPPED = {"LINK": "file: a.txt", "FOLDER": "file: bin", "TEXT": "hello"}


@pytest.fixture
def commit(tmp_path: Path) -> Commit:
    folder = tmp_path / "app"
    (folder / "bin").mkdir(parents=True)
    (folder / "a.txt").write_text("hello")
    (folder / "bin/run").write_text("#!/bin/sh\necho ran\n")
    (folder / "bin/run").chmod(0o755)
    (folder / "greeting").symlink_to("a.txt")
    (folder / "programs").symlink_to("bin")
    return Commit.of(folder)


def seen(emulator: Emulator, commit: Commit, kind: str, **configuration: str) -> dict[str, str]:
    """Release a commit; return what its build saw."""
    repository = emulator.new_name("code" if kind == "CodeCommit" else "org/code")
    first = source(repository, DetectChanges=False, **configuration)
    if kind == "CodeCommit":
        named = {"RepositoryName": repository, "BranchName": "main", "PollForSourceChanges": False}
        first = action(
            *("Source", "CodeCommit", {**named, **configuration}), name="Source", outputs=["Source"]
        )
    build = action(
        *("Build", "CodeBuild", {"ProjectName": {"Ref": "Build"}}), name="Build", inputs=["Source"]
    )
    resources = {"Build": project(json.dumps(LOOK))}
    pipeline = Pipeline(emulator, {"Build": [build]}, resources, source=first)
    status, answer = emulator.local(
        *("POST", "push", commit.archive),
        repository=repository,
        branch="main",
        commit=secrets.token_hex(20),
        message="a message",
        author="someone",
    )
    assert status == 200, answer
    execution = pipeline.start()
    assert pipeline.end(execution) == "Succeeded", pipeline.actions(execution)
    variables: dict[str, Any] = pipeline.actions(execution)["Build"]["output"]["outputVariables"]
    return variables


@pytest.mark.parametrize("kind", ["CodeStarSourceConnection", "CodeCommit"])
@pytest.mark.parametrize("configuration", [{}, {"OutputArtifactFormat": "CODE_ZIP"}])
def test_a_zip_has_no_program_and_no_link(
    emulator: Emulator, commit: Commit, kind: str, configuration: dict[str, str]
) -> None:
    found = seen(emulator, commit, kind, **configuration)
    ran = found.pop("RUN")
    assert "ermission denied" in ran
    assert "refused" in ran
    assert found == ZIPPED


@pytest.mark.parametrize("kind", ["CodeStarSourceConnection", "CodeCommit"])
def test_a_clone_has_both(emulator: Emulator, commit: Commit, kind: str) -> None:
    assert seen(emulator, commit, kind, OutputArtifactFormat="CODEBUILD_CLONE_REF") == CLONED


def test_another_format_is_refused(emulator: Emulator) -> None:
    with pytest.raises(pytest.fail.Exception, match="must be CODE_ZIP or CODEBUILD_CLONE_REF"):
        Pipeline(
            emulator,
            {"Gate": [approval()]},
            source=source("org/code", OutputArtifactFormat="TAR"),
        )
