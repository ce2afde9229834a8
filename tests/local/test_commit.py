import io
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from local.commit import Commit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, a program, a link to each kind, and one that leads nowhere."""
    folder = tmp_path / "app"
    (folder / "bin").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "a.txt").chmod(0o600)
    (folder / "bin/run").write_text("#!/bin/sh\n")
    (folder / "bin/run").chmod(0o700)
    for name, target in {"file": "a.txt", "dir": "bin", "nowhere": "gone"}.items():
        (folder / name).symlink_to(target)
    return folder


def entries(commit: Commit) -> dict[str, tuple[int, bytes]]:
    with zipfile.ZipFile(io.BytesIO(commit.archive)) as archive:
        return {
            info.filename: (info.external_attr >> 16, archive.read(info))
            for info in archive.infolist()
        }


@pytest.mark.parametrize("checkout", [True, False], ids=["Git checkout", "plain folder"])
def test_a_commit_has_the_modes_and_links_that_git_records(folder: Path, checkout: bool) -> None:
    if checkout:
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    link = stat.S_IFLNK | 0o777
    assert entries(Commit.of(folder)) == {
        "a.txt": (stat.S_IFREG | 0o644, b"a"),
        "bin/run": (stat.S_IFREG | 0o755, b"#!/bin/sh\n"),
        "dir": (link, b"bin"),
        "file": (link, b"a.txt"),
        "nowhere": (link, b"gone"),
    }


def test_the_same_files_are_the_same_commit_and_a_mode_is_part_of_it(folder: Path) -> None:
    before = Commit.of(folder)
    (folder / "bin/run").touch()
    assert Commit.of(folder) == before
    (folder / "bin/run").chmod(0o644)
    assert Commit.of(folder).id != before.id
