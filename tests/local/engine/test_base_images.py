from pathlib import Path

import pytest

from local.engine import BaseImagesError, open_engine
from local.engine.base_images import base_image_archives


def test_there_are_none_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASE_IMAGES", raising=False)
    assert base_image_archives() == []


def test_several_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archives = [tmp_path / name for name in ("one.tar", "two.tar")]
    for archive in archives:
        archive.touch()
    monkeypatch.setenv("BASE_IMAGES", ":".join(map(str, archives)))
    assert base_image_archives() == archives


def test_one_that_is_not_there_is_reported_before_an_engine_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE_IMAGES", str(tmp_path / "none.tar"))
    said: list[str] = []
    with (
        pytest.raises(
            BaseImagesError, match=r"none\.tar, which is no file: write one with 'docker"
        ),
        open_engine(tmp_path / "cache", registries={}, progress=said.append),
    ):
        pass
    assert said == []
