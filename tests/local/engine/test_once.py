from pathlib import Path

import pytest

from local.engine.once import made_once, remove_others


def fill(folder: Path) -> None:
    (folder / "file").write_text("whole")


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "things" / "v1"
    made = []

    def make(unfinished: Path) -> None:
        made.append(unfinished)
        fill(unfinished)

    assert made_once(folder, make) == folder
    assert made_once(folder, make) == folder
    assert (folder / "file").read_text() == "whole"
    assert len(made) == 1


def test_it_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "v1"
    seen = []
    made_once(folder, lambda _: seen.append(folder.exists()))
    assert seen == [False]


@pytest.mark.parametrize("interruption", [OSError, KeyboardInterrupt])
def test_an_interruption_leaves_nothing_to_believe_in(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    folder = tmp_path / "v1"

    def interrupted(unfinished: Path) -> None:
        (unfinished / "half").touch()
        raise interruption

    with pytest.raises(interruption):
        made_once(folder, interrupted)
    assert not folder.exists()

    made_once(folder, fill)
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert [path.name for path in tmp_path.iterdir()] == ["v1"]


def test_other_versions_can_be_removed(tmp_path: Path) -> None:
    for name in ("v1", "v2", "v3"):
        made_once(tmp_path / name, fill)
    remove_others(tmp_path / "v2")
    assert [path.name for path in tmp_path.iterdir()] == ["v2"]
