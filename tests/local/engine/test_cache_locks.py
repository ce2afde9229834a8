import fcntl
import subprocess
from pathlib import Path

import pytest

from local.engine.cache_locks import installing, is_only_run, run_slot


def test_one_run_after_another_uses_the_same_folder(tmp_path: Path) -> None:
    with run_slot(tmp_path) as (first, _):
        (first / "state").touch()
    with run_slot(tmp_path) as (second, _):
        assert (second / "state").exists()


def test_runs_at_the_same_time_use_different_folders(tmp_path: Path) -> None:
    with run_slot(tmp_path) as (first, _), run_slot(tmp_path) as (second, _):
        assert first != second
    with run_slot(tmp_path) as (third, _):
        assert third == first


def test_a_folder_is_taken_until_the_heirs_of_its_lock_are_gone(tmp_path: Path) -> None:
    with run_slot(tmp_path) as (first, lock):
        heir = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[lock])
    with run_slot(tmp_path) as (second, _):
        assert second != first
    heir.kill()
    heir.communicate()
    with run_slot(tmp_path) as (third, _):
        assert third == first


def test_a_run_knows_whether_it_is_the_only_one(tmp_path: Path) -> None:
    with run_slot(tmp_path) as (first, _):
        with run_slot(tmp_path) as (second, _):
            assert not is_only_run(tmp_path, first)
            assert not is_only_run(tmp_path, second)
        assert is_only_run(tmp_path, first)


def test_installing_waits_for_another_run_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = (tmp_path / "lock").open("w")
    fcntl.flock(other, fcntl.LOCK_EX)
    reported: list[str] = []

    def progress(line: str) -> None:
        reported.append(line)
        other.close()

    with installing(tmp_path, progress):
        pass
    with installing(tmp_path, progress):
        pass
    assert reported == ["Waiting for another run that sets up a container engine"]
